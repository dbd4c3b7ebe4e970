"""Ours beside the reference, in turns, so that both meet the same machine."""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

from cds_mm.files import atomic_write
from cds_mm.markdown import table_lines

_HEADER = (
    'what',
    'unit',
    'cds_mm',
    'reference',
    'gain',
    'spread',
    'target',
)


@dataclass
class Comparison:
    """One row of a table.

    Attributes:
        what: is measured.
        unit: of the figures.
        ours: the figure of each turn.
        reference: the reference's of the same turns.
        target: the gain that was asked for, None where none was.
        more_is_better: whether the figures are rates, not costs.
        notes: what else was seen in the same run, e.g. a bound.
    """

    what: str
    unit: str
    ours: list[float]
    reference: list[float]
    target: float | None = None
    more_is_better: bool = False
    notes: dict = field(default_factory=dict)

    @property
    def gains(self) -> list[float]:
        """How many times better ours was, turn by turn."""
        pairs = zip(self.ours, self.reference, strict=True)
        if self.more_is_better:
            return [ours / reference for ours, reference in pairs]
        return [reference / ours for ours, reference in pairs]

    @property
    def gain(self) -> float:
        """The median of the gains."""
        return median(self.gains)


def positive(text: str) -> int:
    """A whole number above 0, as argparse reads it."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is below 1')
    return number


def alternate(
    ours: Callable[[], float],
    reference: Callable[[], float],
    repeats: int,
    warm_ups: int = 1,
) -> tuple[list[float], list[float]]:
    """Measure both in turns.

    Args:
        ours: measures once and returns the figure.
        reference: the same of the reference.
        repeats: turns that count.
        warm_ups: turns before them.

    Returns:
        tuple: the figures of ours and of the reference, turn by turn.
    """
    figures = ([], [])
    for turn in range(-warm_ups, repeats):
        for measure, kept in zip((ours, reference), figures, strict=True):
            figure = measure()
            if turn >= 0:
                kept.append(figure)
    return figures


def table(comparisons: list[Comparison]) -> str:
    """Markdown, one row for each comparison."""
    lines = table_lines(_HEADER, map(_cells, comparisons))
    notes = [
        f'{row.what}: {key} {value}'
        for row in comparisons
        for key, value in row.notes.items()
    ]
    return '\n'.join(lines + [''] * bool(notes) + notes)


def _cells(row):
    return (
        row.what,
        row.unit,
        f'{median(row.ours):.4g}',
        f'{median(row.reference):.4g}',
        f'{row.gain:.2f} x',
        f'{min(row.gains):.2f} to {max(row.gains):.2f}',
        f'{row.target:g} x' if row.target else '',
    )


def machine() -> str:
    """The processor or GPU, cores and threads, in words."""
    import torch  # Here: --help does not need it.

    cores = f'{len(os.sched_getaffinity(0))} cores'
    words = [_processor(), cores, f'threads: {torch.get_num_threads()}']
    if torch.cuda.is_available():
        words.insert(0, torch.cuda.get_device_name())
    return ', '.join(words)


def write_json(
    path: Path, command: str, comparisons: list[Comparison]
) -> None:
    """Everything that was measured, every turn of it, in one file."""
    import torch

    from cds_mm.experiments.result import commit_here

    content = {
        'command': command,
        'date': str(date.today()),
        'commit': commit_here(),
        'machine': machine(),
        'load_average': round(os.getloadavg()[0], 2),
        'torch': torch.__version__,
        'rows': [{**asdict(row), 'gain': row.gain} for row in comparisons],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(content, indent=1).encode())


def _processor():
    info = Path('/proc/cpuinfo')
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()
