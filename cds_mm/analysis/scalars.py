"""Reading back what a run has logged."""

import json
from datetime import datetime
from pathlib import Path

from cds_mm.errors import UserError

_SCORES = {
    'accuracy/top1': 'top-1 {:.1f} %',
    'coco/bbox_mAP': 'AP {:.3f}',
}


def scalars(folder: Path) -> list[dict]:
    """The logged lines of all attempts in a work dir, in their order.

    What an attempt repeats of the one before it, the rest of an epoch that
    was cut off, is left out there.

    Raises:
        UserError: there is no log.
    """
    attempts = _logs(folder)
    if not attempts:
        raise UserError(f'{folder}: holds no log of a run; train first')
    lines: list[dict] = []
    for path in attempts:
        new = _read(path)
        first = next((line['epoch'] for line in new if 'epoch' in line), None)
        if first is not None:
            lines = [line for line in lines if _epoch(line) < first]
        lines += new
    return lines


def curve(lines: list[dict], key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one scalar."""
    found = [(line['step'], line[key]) for line in lines if key in line]
    return [step for step, _ in found], [value for _, value in found]


def epoch_means(
    lines: list[dict], key: str
) -> tuple[list[int], list[float], list[int]]:
    """A training scalar by epoch.

    A line of a log stands for the iterations just before it (10, unless
    ``log_processor.window_size`` says another number), so that this is the
    mean of what was logged, not of every iteration.

    Returns:
        tuple: epochs, means, and how many lines each mean is of.
    """
    values: dict[int, list[float]] = {}
    for line in lines:
        if key in line and 'epoch' in line:
            values.setdefault(line['epoch'], []).append(line[key])
    means = [sum(found) / len(found) for found in values.values()]
    return list(values), means, [len(found) for found in values.values()]


def last(lines: list[dict], key: str) -> float:
    """The last value of one scalar."""
    return curve(lines, key)[1][-1]


def score(folder: Path) -> str | None:
    """What a run has reached, for people; None if it was not validated."""
    lines = scalars(folder)
    for key, text in _SCORES.items():
        if any(key in line for line in lines):
            return text.format(last(lines, key))
    return None


def wall_seconds(folder: Path) -> float:
    """Seconds from the start of each attempt to its last logged line."""
    total = 0.0
    for path in _logs(folder):
        start = datetime.strptime(path.parts[-3], '%Y%m%d_%H%M%S')
        total += max(0.0, path.stat().st_mtime - start.timestamp())
    return total


def _epoch(line):
    # Lines of a validation have their epoch for a step.
    return line.get('epoch', line['step'])


def _logs(folder):
    return sorted(Path(folder).glob('*/vis_data/scalars.json'))


def _read(path):
    # The last line of a killed run may be half of one.
    lines: list[dict] = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines
