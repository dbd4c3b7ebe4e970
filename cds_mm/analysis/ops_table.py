"""The table of docs/ops.md: MMDetection's detectors that run here."""

import contextlib
import re
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from cds_mm.analysis.stock_detectors import (
    Trial,
    stock_configs,
    try_detectors,
)
from cds_mm.errors import UserError
from cds_mm.files import atomic_write
from cds_mm.markdown import table_lines, with_block
from cds_mm.ops import status

BEGIN = '<!-- detectors: written by cds-mm ops -->'
END = '<!-- end of detectors -->'
_HEADER = ('config of MMDetection', 'training step', 'prediction')
_ROW = re.compile(r'\| `(.+?)` \| (.+?) \| (.+?) \|')


def print_table(folders: list[str], out: Path | None) -> None:
    """Try detectors, print each, and keep the table.

    Args:
        folders: of MMDetection's configs; all unless given.
        out: file with the table, which is filled up after each detector.

    Raises:
        UserError: there is no such folder.
    """
    configs = stock_configs()
    unknown = [name for name in folders if name not in configs]
    if unknown:
        raise UserError(
            f'--folders {unknown[0]}: not tried; name some of '
            f'{" ".join(configs)}'
        )
    kept = read_trials(out) if out and out.is_file() else {}
    wanted = [configs[name] for name in folders or configs]
    print(_circumstances())
    for trial in try_detectors(name for name in wanted if name not in kept):
        print(f'{trial.config}: {trial.step}, {trial.predict}', flush=True)
        kept[trial.config] = trial
        if out:
            write_trials(out, kept)
    tried = [kept[name] for name in wanted]
    print(f'{sum(trial.runs for trial in tried)} of {len(tried)} run')


def read_trials(path: Path) -> dict[str, Trial]:
    """What a table has already, by config."""
    found = map(_ROW.match, path.read_text(encoding='utf-8').splitlines())
    return {row[1]: Trial(*row.groups()) for row in found if row}


def write_trials(path: Path, trials: dict[str, Trial]) -> None:
    """Put a table in its place in a document, or make one of it alone.

    Args:
        path: a Markdown file.
        trials: by config.
    """
    text = path.read_text(encoding='utf-8') if path.is_file() else ''
    rows = sorted(
        (f'`{t.config}`', t.step, t.predict) for t in trials.values()
    )
    runs = sum(trial.runs for trial in trials.values())
    table = '\n'.join(
        [
            BEGIN,
            '',
            f'{runs} of {len(rows)} take a step and predict '
            f'({_circumstances()}).',
            '',
            *table_lines(_HEADER, rows),
            '',
            END,
        ]
    )
    atomic_write(path, with_block(text, table).encode())


def _circumstances() -> str:
    """With what, in words."""
    packages = [f'torch {torch.__version__.partition("+")[0]}']
    for package in ('onedl-mmcv', 'onedl-mmdetection', 'mmcv', 'mmdet'):
        with contextlib.suppress(PackageNotFoundError):
            packages.append(f'{package} {version(package)}')
    return f'{date.today()}, {", ".join(packages)}, {status().state} ops'
