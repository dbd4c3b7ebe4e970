"""The benchmark of the loader, and that its reference is the recipe."""

import argparse

import numpy as np
import pytest
import torch
from benchmarks import data
from benchmarks.references.data import cifar_views, imagenet_views, loader
from PIL import Image

from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(fresh_seed())
    for number in range(4):
        pixels = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'n01_{number}.JPEG')
    return tmp_path


def test_every_row_is_measured(folder, monkeypatch):
    monkeypatch.setattr(data, 'ARRAYS', 8)
    args = argparse.Namespace(imagenet=folder, images=4, repeats=1)
    rows = data.compare(args)
    assert [row.target for row in rows] == [4, 2, None, 5, None]
    for row in rows:
        assert len(row.ours) == len(row.reference) == 1
        assert min(row.ours + row.reference) > 0
        assert row.gain == row.ours[0] / row.reference[0]


def test_no_files_are_one_line(tmp_path):
    args = argparse.Namespace(imagenet=tmp_path, images=4, repeats=1)
    with pytest.raises(UserError, match='no files '):
        data.compare(args)


@pytest.mark.parametrize(
    ('views', 'side', 'mean', 'std'),
    [
        (imagenet_views, 224, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        (cifar_views, 32, [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]),
    ],
)
def test_the_reference_gives_two_normalised_views(views, side, mean, std):
    torch.manual_seed(fresh_seed())
    white = np.full((32, 32, 3), 255, np.uint8)
    ((first, second), labels) = next(iter(loader([white], [3], views(), 1)))
    assert first.shape == second.shape == (1, 3, side, side)
    assert labels.tolist() == [3]
    mean, std = (torch.tensor(x)[:, None, None] for x in (mean, std))
    pixels = first[0] * std + mean
    if side == 224:
        torch.testing.assert_close(pixels, torch.ones_like(pixels))
    else:
        # White, the grey border, and the black hole.
        levels = (pixels * 255).round().unique()
        assert set(levels.tolist()) <= {0.0, 128.0, 255.0}
        assert 0.0 in levels.tolist()
