"""Packing and stacking without moving a byte twice."""

import numpy as np
import pytest
import torch
from mmengine import FUNCTIONS
from mmpretrain.registry import TRANSFORMS

from cds_mm.data import PackChannelsLast, collate_views


def packed(kind, images, label):
    pack = TRANSFORMS.build({'type': kind})
    return pack({'img': images, 'gt_label': label, 'sample_idx': 7})


@pytest.mark.parametrize('views', [None, 1, 2])
def test_a_batch_is_that_of_the_host_with_channels_last(views, rng):
    pictures = rng.integers(0, 256, (3, views or 1, 6, 5, 3), dtype=np.uint8)
    samples = [list(p) if views else p[0] for p in pictures]
    ours = collate_views(
        [packed('PackChannelsLast', s, i) for i, s in enumerate(samples)]
    )
    theirs = FUNCTIONS.get('default_collate')(
        [packed('PackInputs', s, i) for i, s in enumerate(samples)]
    )
    # MMPretrain's preprocessor for BYOL takes the values in their order.
    assert list(ours) == list(theirs)
    pairs = [ours['inputs'], theirs['inputs']]
    if views is None:
        pairs = [[one] for one in pairs]
    for got, wanted in zip(*pairs, strict=True):
        assert torch.equal(got, wanted)
        assert got.is_contiguous(memory_format=torch.channels_last)
    labels = [int(s.gt_label) for s in ours['data_samples']]
    assert labels == [0, 1, 2]
    assert ours['data_samples'][0].sample_idx == 7


def test_an_image_is_not_copied(rng):
    image = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
    tensor = PackChannelsLast.format_input(image)
    image[2, 3, 1] ^= 1
    assert tensor[1, 2, 3] == image[2, 3, 1]


def test_an_image_seen_in_a_mirror_is(rng):
    image = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)[:, ::-1]
    tensor = PackChannelsLast.format_input(image)
    np.testing.assert_array_equal(tensor, image.transpose(2, 0, 1))


def test_other_numbers_of_a_sample_are_stacked(rng):
    samples = [
        {'inputs': torch.zeros(3, 2, 2, dtype=torch.uint8), 'draw_key': k}
        for k in (5, 6)
    ]
    assert collate_views(samples)['draw_key'].tolist() == [5, 6]
