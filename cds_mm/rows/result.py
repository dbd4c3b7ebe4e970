"""One file for each run: what came out, and of what."""

import json
import platform
import subprocess
from datetime import date

import torch
from mmengine.utils import get_git_hash

from cds_mm.checkpoint.atomic import atomic_write
from cds_mm.engine.scalars import curve, scalars, wall_seconds
from cds_mm.paths import PROJECT
from cds_mm.rows.plan import Run, shown
from cds_mm.version import __version__

METRIC = 'accuracy/top1'


def is_finished(run: Run) -> bool:
    """Whether the run has its result."""
    return run.result_file.is_file()


def read_result(run: Run) -> dict:
    """What :func:`write_result` has written."""
    return json.loads(run.result_file.read_text())


def write_result(run: Run) -> None:
    """Read the logs of a finished run and write its result."""
    steps, values = curve(scalars(run.folder), METRIC)
    pipeline = run.config.train_dataloader.dataset.pipeline
    epochs = run.config.train_cfg.max_epochs
    views = views_of(pipeline)
    result = {
        'name': run.cell.name,
        'scale': run.scale.name,
        'seed': run.seed,
        'metric': METRIC,
        'last': values[-1],
        'best': max(values),
        'curve': list(zip(steps, values, strict=True)),
        'epochs': epochs,
        'views_of_each_image': epochs * views,
        'wall_seconds': round(wall_seconds(run.folder), 1),
        'config': shown(run.leaf),
        'config_sha256': run.config_hash,
        'commit': _commit(),
        'date': str(date.today()),
        'machine': _machine(),
        'versions': {'torch': torch.__version__, 'cds_mm': __version__},
    }
    text = json.dumps(result, indent=1)
    atomic_write(run.result_file, text.encode())


def views_of(pipeline: list[dict]) -> int:
    """How many views of an image a pipeline gives."""
    for step in pipeline:
        if 'MultiView' in step['type']:
            return len(step['transforms'])
    return 1


def _commit():
    commit = get_git_hash(fallback='unknown', digits=12)
    changed = subprocess.run(
        ['git', 'status', '--porcelain'],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return f'{commit}, with changes' if changed else commit


def _machine():
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'CPU, {platform.machine()}, {torch.get_num_threads()} threads'
