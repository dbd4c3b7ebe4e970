"""Which commands the demo runs, in which order."""

import shutil
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cds_mm.analysis.scalars import score
from cds_mm.demo.digits import (
    load_scans,
    split_scans,
    write_scenes,
    write_singles,
)
from cds_mm.engine.resume import latest_checkpoint
from cds_mm.experiments.processes import Command, run_together
from cds_mm.paths import CONFIGS, TOOLS

WORK = Path('work_dirs/demo')
DATA = Path('data/digits')
PRETRAININGS = {
    'baseline': str(CONFIGS / 'demo/baseline_r18_digits_16e.py'),
    'cds': str(CONFIGS / 'demo/cds_r18_digits.py'),
}
DETECTORS = {
    'Faster R-CNN': str(CONFIGS / 'demo/faster-rcnn_r18_fpn_digits.py'),
    'RetinaNet': str(CONFIGS / 'demo/retinanet_r18_fpn_digits.py'),
}
STARTS = ('scratch', *PRETRAININGS)
# The last weights of each run; what the hosts keep of all runs is 1.6 GB.
KEPT = [
    'default_hooks.checkpoint.max_keep_ckpts=1',
    'default_hooks.checkpoint.save_best=None',
    'default_hooks.checkpoint.save_optimizer=False',
]


@dataclass
class Size:
    """How much of everything; the tests take less of it."""

    copies: int = 2  # drawings of each pretraining scan
    scenes: int = 300  # to train on
    val_scenes: int = 150
    pretrain_options: list[str] = field(default_factory=list)
    detect_options: list[str] = field(default_factory=list)


def run_demo(size: Size, seed: int = 0) -> float:
    """Draw the data, pretrain, convert, detect; what was there goes.

    Args:
        size: of data and runs.
        seed: of data and runs.

    Returns:
        float: seconds that it took.

    Raises:
        UserError: one of the commands failed.
    """
    start = time.monotonic()
    for old in (WORK, DATA):
        shutil.rmtree(old, ignore_errors=True)
    write_data(size, seed)
    before, total = 0, 2 * len(PRETRAININGS) + len(DETECTORS) * len(STARTS)
    # Later steps name the files of earlier ones, so each waits its turn.
    for make_steps in (_pretrainings, _conversions, _detections):
        steps = make_steps(size, seed)
        run_together(steps, before=before, total=total)
        before += len(steps)
    return time.monotonic() - start


def _pretrainings(size, seed):
    return [
        _step(
            f'pretraining {method}',
            pretrain_command(method, size, seed),
            WORK / method,
        )
        for method in PRETRAININGS
    ]


def _conversions(size, seed):
    return [
        _step(f'converting {method}', convert_command(method))
        for method in PRETRAININGS
    ]


def _detections(size, seed):
    return [
        _step(
            f'{detector} from {start_from}',
            detect_command(detector, start_from, size, seed),
            detect_folder(detector, start_from),
        )
        for detector in DETECTORS
        for start_from in STARTS
    ]


def _step(name, command, folder=None):
    log = WORK / f'{name.replace(" ", "_")}.log'
    finish = partial(score, folder) if folder else None
    return Command(command, log, name, finish=finish)


def write_data(size: Size, seed: int) -> None:
    """Digits for pretraining; scenes of digits that pretraining never saw."""
    scans, labels = load_scans()
    parts = split_scans(labels, (0.45, 0.1, 0.3, 0.15), seed)
    single, scenes = DATA / 'single', DATA / 'scenes'
    write_singles(single / 'train', scans, labels, parts[0], size.copies, seed)
    write_singles(single / 'val', scans, labels, parts[1], 1, seed + 1)
    write_scenes(
        scenes, 'train', scans, labels, parts[2], size.scenes, seed + 2
    )
    write_scenes(
        scenes, 'val', scans, labels, parts[3], size.val_scenes, seed + 3
    )


def detect_folder(detector: str, start_from: str) -> Path:
    """Where the run of a detector from a start has its files."""
    name = Path(DETECTORS[detector]).name.partition('_')[0]
    return WORK / f'{name}_{start_from}'


def pretrain_command(method: str, size: Size, seed: int) -> list[str]:
    """The training command of a pretraining."""
    return _train(
        PRETRAININGS[method], WORK / method, seed, *size.pretrain_options
    )


def convert_command(method: str) -> list[str]:
    """The converter, which proves the backbone in a detector."""
    detector = DETECTORS['Faster R-CNN']
    folder = WORK / method
    return [
        str(TOOLS / 'convert_backbone.py'),
        str(latest_checkpoint(folder)),
        str(folder / 'backbone.pth'),
        '--detector',
        detector,
    ]


def detect_command(
    detector: str, start_from: str, size: Size, seed: int
) -> list[str]:
    """The training command of a detector."""
    init = f'model.backbone.init_cfg.checkpoint={WORK}/{start_from}'
    init += '/backbone.pth'
    if start_from == 'scratch':
        init = 'model.backbone.init_cfg=None'
    folder = detect_folder(detector, start_from)
    return _train(
        DETECTORS[detector], folder, seed, init, *size.detect_options
    )


def _train(config, folder, seed, *options):
    return [
        str(TOOLS / 'train.py'),
        config,
        '--work-dir',
        str(folder),
        '--cfg-options',
        f'randomness.seed={seed}',
        *KEPT,
        *options,
    ]
