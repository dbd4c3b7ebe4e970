import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS

from cds_mm.data import m_per_class_sampler
from cds_mm.errors import UserError


class Labelled:
    def __init__(self, labels):
        self.labels = np.asarray(labels)

    def __len__(self):
        return len(self.labels)

    def get_gt_labels(self):
        return self.labels


def of_sizes(sizes, rng):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return Labelled(rng.permutation(labels))


def build(dataset, m, batch_size, seed=0):
    return DATA_SAMPLERS.build(
        {
            'type': 'MPerClassSampler',
            'images_per_class': m,
            'batch_size': batch_size,
        },
        default_args={'dataset': dataset, 'seed': seed},
    )


def ranks(monkeypatch, world, *args):
    samplers = []
    for rank in range(world):
        monkeypatch.setattr(
            m_per_class_sampler,
            'get_dist_info',
            lambda rank=rank: (rank, world),
        )
        samplers.append(build(*args))
    return samplers


@pytest.mark.parametrize('trial', range(8))
def test_batches_of_random_class_sizes(trial, rng, monkeypatch):
    m, p = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    world = int(rng.integers(1, 4))
    sizes = rng.integers(1, 40, int(rng.integers(p, p + 12)))
    dataset = of_sizes(sizes, rng)
    samplers = ranks(monkeypatch, world, dataset, m, m * p)
    orders = [list(s) for s in samplers]
    assert {len(order) for order in orders} == {len(samplers[0])}
    for order in orders:
        for start in range(0, len(order), m * p):
            labels, counts = np.unique(
                dataset.labels[order[start : start + m * p]],
                return_counts=True,
            )
            assert len(labels) == p and set(counts) == {m}
            drawn = order[start : start + m * p]
            if min(sizes) >= m:
                assert len(set(drawn)) == m * p, 'no image twice in a batch'


@pytest.mark.parametrize('world', [1, 2, 3])
def test_every_image_once_where_it_goes_up(world, rng, monkeypatch):
    m, p = 4, 3
    dataset = of_sizes([m * 2] * (p * world * 3), rng)
    orders = [list(s) for s in ranks(monkeypatch, world, dataset, m, m * p)]
    assert sorted(sum(orders, [])) == list(range(len(dataset)))


def test_about_every_image_once(rng, monkeypatch):
    m, p = 4, 8
    dataset = of_sizes(rng.integers(20, 60, 40), rng)
    orders = [list(s) for s in ranks(monkeypatch, 2, dataset, m, m * p)]
    counts = np.bincount(sum(orders, []), minlength=len(dataset))
    assert counts.min() >= 1
    # Only groups and batches that are not full draw an image again.
    most = 40 * (m - 1) + 2 * m * p
    assert counts.sum() - len(dataset) <= most
    # Once by right, once to fill a group, and in each of the last batches.
    assert counts.max() <= 4


def test_a_class_too_large_for_the_batches_comes_in_turns(rng):
    # One of three in each batch: its 400 images have no room in an epoch.
    dataset = of_sizes([400, 20, 20, 20], rng)
    sampler = build(dataset, 2, 6)
    seen = set()
    for epoch in range(40):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert len(order) < 2 * len(dataset)
        seen.update(order)
    assert len(seen) == len(dataset)


def test_an_epoch_is_a_function_of_seed_and_epoch(rng):
    dataset = of_sizes([9] * 8, rng)
    first, again = build(dataset, 2, 8, 3), build(dataset, 2, 8, 3)
    other = build(dataset, 2, 8, 4)
    again.set_epoch(5)
    list(again)
    again.set_epoch(0)
    order = list(first)
    assert list(again) == order and list(other) != order
    first.set_epoch(1)
    assert list(first) != order


def test_unlabelled_images_are_left_out(rng):
    dataset = Labelled(rng.permutation([-1] * 20 + [0] * 8 + [1] * 8))
    assert (dataset.labels[list(build(dataset, 2, 4))] >= 0).all()


def test_errors(rng):
    dataset = of_sizes([9] * 3, rng)
    with pytest.raises(UserError, match='batch_size=10 is no multiple'):
        build(dataset, 4, 10)
    with pytest.raises(UserError, match='needs 4 classes .* has 3'):
        build(dataset, 2, 8)
    with pytest.raises(UserError, match='gives no labels'):
        build(object(), 2, 4)


def test_a_shuffled_batch_has_almost_no_partners():
    dataset = Labelled(np.arange(100_000) % 1000)
    torch.manual_seed(0)
    order = np.array(list(DefaultSampler(dataset, seed=0)))
    batches = dataset.labels[order][: 3125 * 32].reshape(-1, 32)
    same = (batches[:, :, None] == batches[:, None]).sum(-1) - 1
    # (1 - 1/1000)^31 = 0.969: the number in the docstring.
    assert (same == 0).mean() == pytest.approx(0.97, abs=0.005)
    order = np.array(list(build(dataset, 4, 32)))
    batches = dataset.labels[order].reshape(-1, 32)
    same = (batches[:, :, None] == batches[:, None]).sum(-1) - 1
    assert (same == 3).all()
