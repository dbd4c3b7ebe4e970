"""The picture of a :class:`Reliability`."""

import textwrap
from pathlib import Path

import torch

from cds_mm.evaluation.calibration import Reliability
from cds_mm.evaluation.picture import new_figure, save_figure


def draw_reliability(
    path: str | Path, panels: list[tuple[str, Reliability]]
) -> None:
    """Write a reliability diagram as PNG, after Guo et al., ICML 2017.

    Args:
        path: of the file.
        panels: heading and bins of each diagram, side by side.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    figure = new_figure(5 * len(panels), 6)
    axes = figure.subplots(
        2, len(panels), sharex=True, squeeze=False, height_ratios=(3, 1)
    )
    for (heading, bins), (above, below) in zip(panels, axes.T, strict=True):
        above.set_title(
            f'{textwrap.fill(heading, 60)}\nECE {100 * bins.error:.2f} % '
            f'({len(bins.count)} bins, {bins.count.sum()} images)',
            fontsize=10,
        )
        _draw_bars(above, bins)
        _draw_histogram(below, bins)
    save_figure(figure, path)


def _draw_bars(axes, bins):
    left, width = _places(bins)
    filled = bins.count > 0
    left = left[filled]
    accuracy, confidence = bins.accuracy[filled], bins.confidence[filled]
    bar = dict(width=width, align='edge')
    output = dict(color='#4c72b0', edgecolor='black', label='output')
    axes.bar(left, accuracy, **bar, **output)
    axes.bar(
        left,
        confidence - accuracy,
        **bar,
        bottom=accuracy,
        color='none',
        edgecolor='#c44e52',
        hatch='//',
        label='gap to confidence',
    )
    axes.plot((0, 1), (0, 1), '--', color='grey')
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel='accuracy')
    axes.legend(loc='upper left', fontsize=9)


def _draw_histogram(axes, bins):
    left, width = _places(bins)
    share = 100 * bins.count / bins.count.sum()
    axes.bar(left, share, width, align='edge', color='#bbbbbb', ec='black')
    for name, values, line in (
        ('accuracy', bins.accuracy, '-'),
        ('confidence', bins.confidence, ':'),
    ):
        mean = (bins.count * values).sum() / bins.count.sum()
        axes.axvline(mean, ls=line, color='black', label=f'mean {name}')
    axes.set(xlabel='confidence', ylabel='% of images')
    axes.legend(loc='best', fontsize=8)


def _places(bins):
    number = len(bins.count)
    return torch.arange(number) / number, 1 / number
