"""Backbones of many kinds are trained, converted and used by a detector."""

import re

import pytest
from benchmarks import backbones
from benchmarks.backbone_rows import ROWS
from command_lines import ROOT

DETECTORS = [*backbones.DETECTORS]


@pytest.mark.parametrize(
    ('row', 'detector'),
    [
        pytest.param(
            row,
            DETECTORS[number % 2],
            id=row.name,
            marks=[pytest.mark.slow] if row.slow else [],
        )
        for number, row in enumerate(ROWS)
    ],
)
def test_the_whole_chain(row, detector, tmp_path):
    outcome = backbones.run(row, tmp_path, detector)
    if row.fixed is None:
        assert outcome.gap is None
    else:
        assert outcome.gap <= 1e-5
    assert bool(outcome.refused) == bool(row.refused)
    assert '\n' not in outcome.refused
    for path in tmp_path.glob('*.pth'):  # pytest keeps the folders
        path.unlink()


def test_the_documents_have_every_row():
    page = (ROOT / 'docs/backbones.md').read_text()
    named = re.findall(r'^\| (.+?) \| `', page, re.M)
    assert named == [row.name for row in ROWS]
    proven = sum(row.fixed is not None for row in ROWS)
    assert f'lists {proven} that were' in (ROOT / 'README.md').read_text()
    assert f'; {proven} go through' in (ROOT / 'CHANGELOG.md').read_text()


def test_the_page():
    (row,) = [row for row in ROWS if row.refused == 'out_indices: ']
    found = backbones.Outcome(
        row, [(8, 4), (16, 8)], 1.0, 'RetinaNet', 'mmpretrain.X', 0, 'a line'
    )
    text = backbones.page([found])
    cells = '| `ConvNeXt` | 8/4, 16/8 | `mmpretrain.X` (1) | RetinaNet | 0 |'
    assert cells in text
    assert text.endswith(f'1. {row.name}: `a line`\n')
