"""The picture of the features of each stage, in two dimensions."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cds_mm.evaluation.picture import new_figure, save_figure
from cds_mm.optional import extra

MOST_CLASSES = 10  # that can be told apart by their colours
MOST_IMAGES = 1000
# Those of matplotlib's tab10, by label whatever the picture.
_COLOURS = (
    '#1f77b4 #ff7f0e #2ca02c #d62728 #9467bd '
    '#8c564b #e377c2 #7f7f7f #bcbd22 #17becf'
).split()
_PANELS_A_ROW = 4


class Panel(NamedTuple):
    """One stage's picture.

    Attributes:
        heading: above it.
        points: (N, 2).
    """

    heading: str
    points: Tensor


def choose_images(labels: Tensor, seed: int) -> Tensor:
    """Which images a picture shows: as many as can be seen.

    Args:
        labels: (N,) of all.
        seed: of the choice.

    Returns:
        Tensor: sorted indices, of equally many images of each of the first
        classes, or all where a class has fewer.
    """
    generator = torch.Generator().manual_seed(seed)
    classes = labels.unique()[:MOST_CLASSES]
    share = MOST_IMAGES // len(classes)
    chosen = []
    for label in classes:
        own = (labels == label).nonzero().flatten()
        order = torch.randperm(len(own), generator=generator)
        chosen.append(own[order[:share]])
    return torch.cat(chosen).sort().values


def embed(features: Tensor, kind: str, seed: int) -> Tensor:
    """Two coordinates for each row, by its direction as the kNN sees it.

    Args:
        features: (N, C), at least three rows.
        kind: 'tsne', which shows who is near whom and whose axes and
            distances between groups mean nothing, or 'pca', the two
            directions of largest variance.
        seed: of t-SNE.

    Returns:
        Tensor: (N, 2) float64.

    Raises:
        UserError: scikit-learn is missing.
    """
    units = F.normalize(features.double()).numpy()
    if kind == 'pca':
        method = extra('sklearn.decomposition').PCA(2, random_state=seed)
    else:
        method = extra('sklearn.manifold').TSNE(
            perplexity=min(30, (len(units) - 1) / 3),
            init='random' if min(units.shape) < 2 else 'pca',
            random_state=seed,
        )
    return torch.from_numpy(method.fit_transform(units)).double()


def draw_embeddings(
    path: str | Path,
    panels: Sequence[Panel],
    labels: Tensor,
    classes: Sequence[str],
    title: str,
) -> None:
    """Write one panel beside the other as PNG, a colour for each class.

    Args:
        path: of the file.
        panels: one for each stage, of the same N images.
        labels: (N,).
        classes: names, by label.
        title: of the whole picture.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    columns = min(_PANELS_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(3.4 * columns, 3.8 * rows + 0.7)
    figure.get_layout_engine().set(h_pad=0.08)
    figure.suptitle(title, fontsize=11, fontweight='bold')
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    present = labels.unique().tolist()
    for axis, panel in zip(axes, panels, strict=False):
        axis.set_title(panel.heading, fontsize=10)
        _scatter(axis, panel.points, labels)
    handles = [
        axes[0].scatter([], [], color=_colour(label), label=classes[label])
        for label in present
    ]
    figure.legend(
        handles=handles,
        loc='outside lower center',
        ncols=min(5 if columns < 3 else 10, len(present)),
        frameon=False,
        handletextpad=0.1,
        fontsize=9,
    )
    save_figure(figure, path)


def _scatter(axis, points, labels):
    # In the order of the images, not class after class: the last class
    # would lie on top of all others.
    order = torch.randperm(
        len(labels), generator=torch.Generator().manual_seed(0)
    )
    colours = [_colour(label) for label in labels[order].tolist()]
    axis.scatter(*points[order].T, c=colours, s=9, linewidths=0, alpha=0.8)
    axis.set(xticks=[], yticks=[])
    axis.set_box_aspect(1)
    for side in axis.spines.values():
        side.set_color('#cccccc')


def _colour(label):
    return _COLOURS[label % len(_COLOURS)]
