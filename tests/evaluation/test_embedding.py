"""The pictures show the images that they say, where they are."""

import pytest
import torch
from PIL import Image

from cds_mm.evaluation.embedding import (
    MOST_CLASSES,
    MOST_IMAGES,
    Panel,
    choose_images,
    draw_embeddings,
    embed,
)
from cds_mm.evaluation.picture import load_figure
from cds_mm.testing import fresh_generator, fresh_seed


def test_a_picture_has_equally_many_images_of_the_first_classes():
    labels = torch.arange(30).repeat(200)
    chosen = choose_images(labels, fresh_seed())
    counts = labels[chosen].bincount(minlength=30)
    share = MOST_IMAGES // MOST_CLASSES
    assert counts.tolist() == [share] * MOST_CLASSES + [0] * 20
    assert chosen.tolist() == sorted(set(chosen.tolist()))


def test_few_images_are_all_shown():
    labels = torch.tensor([4, 2, 2, 4, 4])
    assert choose_images(labels, fresh_seed()).tolist() == [0, 1, 2, 3, 4]


def test_the_seed_chooses():
    labels = torch.zeros(5000).long()
    first, again, other = (choose_images(labels, seed) for seed in (1, 1, 2))
    assert first.equal(again) and not first.equal(other)


def test_pca_is_the_projection_on_the_two_largest_directions():
    features = torch.randn(
        50, 6, generator=fresh_generator(), dtype=torch.float64
    )
    units = features / features.norm(dim=1, keepdim=True)
    centred = units - units.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    wanted = centred @ directions[:2].T
    points = embed(features, 'pca', 0)
    # The sign of a direction means nothing.
    assert torch.allclose(points.abs(), wanted.abs(), atol=1e-8)


@pytest.mark.parametrize('count', [4, 40])
def test_tsne_keeps_far_groups_apart_and_is_the_same_again(count):
    generator = fresh_generator()
    labels = torch.arange(count) % 2
    features = torch.eye(8)[labels] + 1e-3 * torch.randn(
        count, 8, generator=generator
    )
    points = embed(features, 'tsne', 0)
    assert points.shape == (count, 2) and points.isfinite().all()
    assert points.equal(embed(features, 'tsne', 0))
    if count > 4:
        nearest = torch.cdist(points, points).fill_diagonal_(torch.inf)
        assert labels[nearest.argmin(1)].equal(labels)


@pytest.mark.parametrize('stages', [1, 4, 5])
def test_points_are_drawn_in_the_colour_of_their_class(
    tmp_path, monkeypatch, stages
):
    made = []
    figure = load_figure()

    def keep(*args, **kwargs):
        made.append(figure(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr('cds_mm.evaluation.picture.load_figure', lambda: keep)
    labels = torch.tensor([0, 2, 2])
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    panels = [Panel(f'stage{i}', points + i) for i in range(stages)]
    path = tmp_path / 'stages.png'
    draw_embeddings(path, panels, labels, ['cat', 'cow', 'dog'], 'title')
    with Image.open(path) as picture:
        assert picture.format == 'PNG'
    axes = [axis for axis in made[0].axes if axis.axison]
    assert [axis.get_title() for axis in axes] == [p.heading for p in panels]
    (legend,) = made[0].legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ['cat', 'dog']
    colours = [
        tuple(handle.get_facecolor()[0]) for handle in legend.legend_handles
    ]
    for number, axis in enumerate(axes):
        drawn = axis.collections[0]
        for place, colour in zip(
            drawn.get_offsets().tolist(), drawn.get_facecolors(), strict=True
        ):
            index = (points[:, 0] + number).tolist().index(place[0])
            wanted = colours[0 if labels[index] == 0 else 1]
            assert tuple(colour[:3]) == wanted[:3]
