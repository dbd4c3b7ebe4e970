import json
import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DefaultScope
from mmpretrain.datasets import CustomDataset
from torch.utils.data import DataLoader

from cds_mm.data.seeding import (
    DRAW_KEY,
    SeededFetch,
    sample_seed,
    seed_fetches,
    seed_generators,
    seeded_generator,
)


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def draws_of(*key):
    seed_generators(*key)
    return draws()


def test_every_part_of_the_key_reaches_every_generator(rng):
    key = rng.integers(0, 2**31, 4).tolist()
    before = draws_of(*key)
    assert draws_of(*key) == before
    for part in range(4):
        other = list(key)
        other[part] += 1
        assert all(
            a != b for a, b in zip(before, draws_of(*other), strict=True)
        )
    swapped = draws_of(key[1], key[0], *key[2:])
    assert key[0] == key[1] or swapped != before


def test_a_generator_of_its_own_draws_the_same(rng):
    key = rng.integers(0, 2**31, 3).tolist()
    seed_generators(*key)
    wanted = torch.rand(5)
    after = torch.get_rng_state()
    own = seeded_generator('cpu', *key)
    assert torch.equal(torch.rand(5, generator=own), wanted)
    assert torch.equal(torch.get_rng_state(), after)


def test_neighbouring_keys_give_uniform_draws(rng):
    start = int(rng.integers(0, 2**31))
    samples = np.array([draws_of(0, 0, start + i, 0) for i in range(4000)])
    # Standard error of the mean 0.0046, of a correlation 0.016.
    assert np.abs(samples.mean(0) - 0.5).max() < 0.03
    correlation = np.corrcoef(np.hstack([samples[:-1], samples[1:]]).T)
    assert np.abs(correlation - np.eye(6)).max() < 0.09


def test_the_context_ends_with_its_sample():
    from cds_mm.data import seeding

    with pytest.raises(ZeroDivisionError), sample_seed(0, 0, 0):
        assert seeding._sample.key == (0, 0, 0)
        1 / 0  # noqa: B018
    state = random.getstate()
    seeding.seed_view(1)
    assert random.getstate() == state


class Draws:
    """A data set whose samples are what the generators give."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return torch.tensor([index, *draws()], dtype=torch.float64)


def fetched(dataset, epochs=1, fetch_args=(), **loader_args):
    fetch = seed_fetches(dataset, *(fetch_args or (5,)))
    loader = DataLoader(dataset, **loader_args)
    for epoch in range(epochs):
        fetch.set_epoch(epoch)
        yield torch.cat(list(loader))
    # Workers still alive would be waited for in vain, five seconds each,
    # when the garbage collector finds them.
    loader._iterator = None


@pytest.mark.parametrize('persistent', [False, True])
@pytest.mark.parametrize('workers', [0, 1, 2])
def test_draws_do_not_depend_on_workers(workers, persistent):
    if persistent and not workers:
        pytest.skip('PyTorch refuses it')
    # Other batches on purpose: the batch must not matter either.
    wanted = list(fetched(Draws(23), epochs=3, batch_size=23))
    got = fetched(
        Draws(23),
        epochs=3,
        batch_size=4,
        num_workers=workers,
        persistent_workers=persistent,
    )
    for a, b in zip(wanted, got, strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(wanted[0][:, 1:], wanted[1][:, 1:])


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_batches_are_counted_across_workers(workers):
    # Twenty times the same sample: only the batch number tells them apart.
    args = {'sampler': [3] * 20, 'batch_size': 2, 'num_workers': workers}
    (got,) = fetched(Draws(5), fetch_args=(5, 7), **args)
    wanted = []
    for batch in range(7, 17):
        with sample_seed(5, batch, 3):
            wanted += [torch.tensor([3, *draws()], dtype=torch.float64)] * 2
    assert torch.equal(got, torch.stack(wanted))


def test_repeats_of_an_image_differ(image_folder):
    root = image_folder('x', {'a': 3})
    leaf = CustomDataset(
        data_root=root,
        with_label=False,
        pipeline=[lambda results: torch.rand(1).item()],
    )
    repeated = SeededFetch(RepeatDataset(leaf, 2), 0)(range(6))
    assert len(set(repeated)) == 6
    joined = SeededFetch(ConcatDataset([leaf, leaf]), 0)(range(6))
    assert len(set(joined)) == 6


def test_a_pipeline_that_a_hook_of_the_host_switches(image_folder):
    """What is set on the data set of the loader is set on that which loads."""
    from mmdet.engine.hooks import PipelineSwitchHook

    dataset = CustomDataset(
        data_root=image_folder('x', {'a': 3}),
        with_label=False,
        pipeline=[lambda results: 0.0],
    )
    seed_fetches(dataset, 0)
    loader = DataLoader(dataset, batch_size=3)
    assert next(iter(loader)).tolist() == [0, 0, 0]
    hook = PipelineSwitchHook(1, [lambda results: 1.0])
    runner = SimpleNamespace(
        train_dataloader=loader, epoch=1, logger=logging.getLogger()
    )
    hook.before_train_epoch(runner)
    assert next(iter(loader)).tolist() == [1, 1, 1]


def test_mosaic_of_mmdetection(image_folder, tmp_path):
    # It draws further images before its pipeline starts.
    root = image_folder('x', {'a': 4})
    images = [
        {'id': i, 'file_name': f'a/{i}.png', 'width': 40, 'height': 40}
        for i in range(4)
    ]
    boxes = [
        {'id': i, 'image_id': i, 'category_id': 1, 'bbox': [5, 5, 20, 20]}
        | {'area': 400, 'iscrowd': 0}
        for i in range(4)
    ]
    path = tmp_path / 'boxes.json'
    content = {'images': images, 'annotations': boxes}
    content['categories'] = [{'id': 1, 'name': 'a'}]
    path.write_text(json.dumps(content))
    load = [
        {'type': 'LoadImageFromFile'},
        {'type': 'LoadAnnotations', 'with_bbox': True},
    ]
    cfg = {
        'dataset': {
            'type': 'CocoDataset',
            'ann_file': str(path),
            'data_prefix': {'img': root},
            'metainfo': {'classes': ('a',)},
            'pipeline': load,
        },
        'pipeline': [
            {'type': 'Mosaic', 'img_scale': (32, 32)},
            {'type': 'PackDetInputs'},
        ],
    }
    datasets = pytest.importorskip('mmdet.datasets')
    with DefaultScope.overwrite_default_scope('mmdet'):
        fetch = SeededFetch(datasets.MultiImageMixDataset(**cfg), 0)
    forward = [sample['inputs'] for sample in fetch(range(4))]
    backward = [sample['inputs'] for sample in fetch([3, 2, 1, 0])][::-1]
    assert all(map(torch.equal, forward, backward))
    fetch.set_epoch(1)
    assert not torch.equal(fetch([0])[0]['inputs'], forward[0])


def test_keys_for_the_device_are_a_function_of_seed_epoch_and_sample(rng):
    dataset = [{'inputs': 0} for _ in range(5)]
    seed, epoch = (int(n) for n in rng.integers(0, 2**31, 2))

    def keys(seed, epoch):
        items = [dict(item) for item in dataset]
        fetch = SeededFetch(items, seed, with_keys=True)
        fetch.set_epoch(epoch)
        return [item[DRAW_KEY] for item in fetch(range(5))]

    found = keys(seed, epoch)
    assert keys(seed, epoch) == found and len(set(found)) == 5
    assert not set(found) & {*keys(seed + 1, epoch), *keys(seed, epoch + 1)}
    assert all(0 <= key < 2**63 for key in found)
