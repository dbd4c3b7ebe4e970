"""The picture shows the numbers, and says what it lacks."""

import sys

import pytest
import torch
from PIL import Image

from cds_mm.errors import UserError
from cds_mm.evaluation import Reliability, draw_reliability, picture

BINS = Reliability(
    torch.tensor([0, 1, 3]),
    torch.tensor([0.0, 0.9, 0.5]),
    torch.tensor([0.0, 0.6, 0.8]),
)


@pytest.fixture
def figures(monkeypatch):
    """Those that are drawn from here on."""
    made = []
    figure = picture.load_figure()

    def keep(*args, **kwargs):
        made.append(figure(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(picture, 'load_figure', lambda: keep)
    return made


def rectangles(container):
    return [
        [bar.get_x(), bar.get_width(), bar.get_y(), bar.get_height()]
        for bar in container
    ]


def test_bars_are_the_bins(figures, tmp_path):
    path = tmp_path / 'picture.png'
    draw_reliability(path, [('as trained', BINS), ('later', BINS)])
    with Image.open(path) as picture:
        assert picture.format == 'PNG' and picture.width > picture.height
    (figure,) = figures
    first, second, histogram, _ = figure.axes
    assert second.get_title().startswith('later\n')
    # 1/4 of 0.3 and 3/4 of 0.3
    title = 'as trained\nECE 30.00 % (3 bins, 4 images)'
    assert first.get_title() == title
    output, gap = first.containers
    third = 1 / 3
    assert sum(rectangles(output), []) == pytest.approx(
        [third, third, 0, 0.9, 2 * third, third, 0, 0.5]
    )
    # From the accuracy, down or up to the confidence.
    assert sum(rectangles(gap), []) == pytest.approx(
        [third, third, 0.9, -0.3, 2 * third, third, 0.5, 0.3]
    )
    assert all(bar.get_hatch() for bar in gap)
    shares = [bar.get_height() for bar in histogram.containers[0]]
    assert shares == pytest.approx([0, 25, 75])


def test_without_matplotlib(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    with pytest.raises(UserError, match=r'matplotlib is missing; pip inst'):
        draw_reliability(tmp_path / 'picture.png', [('as trained', BINS)])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match='cannot be written'):
        draw_reliability(tmp_path / 'no/x.png', [('as trained', BINS)])
