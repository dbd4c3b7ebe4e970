"""What a run has logged, read back."""

import json
from pathlib import Path

from cds_mm.errors import UserError


def scalars(folder: Path) -> list[dict]:
    """The logged lines of the newest run in a work dir.

    Raises:
        UserError: there is no log.
    """
    logs = sorted(folder.glob('*/vis_data/scalars.json'))
    if not logs:
        raise UserError(f'{folder}: holds no log of a run; run the demo first')
    return [json.loads(line) for line in logs[-1].read_text().splitlines()]


def curve(lines: list[dict], key: str) -> tuple[list[int], list[float]]:
    """Steps and values of one scalar."""
    found = [(line['step'], line[key]) for line in lines if key in line]
    return [step for step, _ in found], [value for _, value in found]


def last(lines: list[dict], key: str) -> float:
    """The last value of one scalar."""
    return curve(lines, key)[1][-1]
