"""A baseline on few labels has as many iterations as a run on all images."""

from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler
from mmengine.dataset import sampler as host
from mmengine.registry import DATA_SAMPLERS

from cds_mm.errors import UserError

KIND = dict(type='EqualIterationsSampler', shuffle=True)


class Part:
    def __init__(self, whole, labelled):
        self.epoch_images = whole
        self.distinct_images = labelled
        self.length = -(-whole // labelled) * labelled

    def __len__(self):
        return self.length


def build(dataset, seed):
    return DATA_SAMPLERS.build(
        KIND, default_args=dict(dataset=dataset, seed=seed)
    )


@pytest.mark.parametrize('trial', range(8))
def test_an_epoch_on_any_rank_is_as_long_as_that_of_all_images(
    trial, rng, monkeypatch
):
    world = int(rng.integers(1, 5))
    whole = int(rng.integers(1, 300))
    labelled = int(rng.integers(1, whole + 1))
    seed = int(rng.integers(1000))
    drawn = []
    for rank in range(world):
        monkeypatch.setattr(
            host, 'get_dist_info', lambda rank=rank: (rank, world)
        )
        sampler = build(Part(whole, labelled), seed)
        everything = DefaultSampler(range(whole), seed=seed)
        for epoch in range(3):
            sampler.set_epoch(epoch)
            order = list(sampler)
            assert len(order) == len(sampler) == len(list(everything))
            if epoch == 2:
                drawn += order
    surplus = len(drawn) - whole
    times = Counter(drawn)
    assert len(times) == whole, 'each place once, but for a last few'
    assert sum(times.values()) == whole + surplus and surplus < world
    images = Counter(place % labelled for place in times)
    assert len(images) == labelled
    assert set(images.values()) <= {whole // labelled, -(-whole // labelled)}


def test_with_all_labels_it_is_the_samplers_order(rng):
    whole, seed = int(rng.integers(1, 99)), int(rng.integers(1000))
    sampler, plain = (
        build(Part(whole, whole), seed),
        DefaultSampler(range(whole), seed=seed),
    )
    for epoch in range(2):
        sampler.set_epoch(epoch)
        plain.set_epoch(epoch)
        assert list(sampler) == list(plain)


def test_each_image_comes_equally_often_over_the_epochs():
    """40 of 100 images: 2.5 times an epoch on the mean, whichever it is."""
    sampler = build(Part(100, 40), seed=0)
    times = np.zeros(40)
    epochs = 400
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        times += np.bincount([p % 40 for p in sampler], minlength=40)
    # Two or three times, each in half of the epochs.
    assert np.abs(times / epochs - 2.5).max() < 6 * 0.5 / epochs**0.5


def test_a_data_set_that_is_no_part_of_another():
    with pytest.raises(UserError, match='range is no part of another'):
        build(range(3), seed=0)
