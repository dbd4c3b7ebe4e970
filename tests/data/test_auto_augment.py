"""AutoAugment on RGB arrays: the policy's operations, drawn by torch."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from cds_mm.data import RGBAutoAugment
from cds_mm.testing import fresh_seed


@pytest.mark.parametrize('policy', ['imagenet', 'cifar10'])
def test_it_is_the_policy_on_rgb(image, policy):
    ours = RGBAutoAugment(policy, interpolation='nearest', fill=(1, 2, 3))
    theirs = AutoAugment(AutoAugmentPolicy(policy), fill=[1, 2, 3])
    seed = fresh_seed()
    changed = 0
    for step in range(30):
        torch.manual_seed(seed + step)
        got = ours({'img': image.copy()})['img']
        torch.manual_seed(seed + step)
        wanted = np.array(theirs(Image.fromarray(image)))
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, wanted)
        changed += not np.array_equal(got, image)
    # An image in three stays as it is: all thirty do once in 10^14 runs.
    assert changed > 0


def test_what_comes_in_from_outside_is_grey(monkeypatch):
    ours = RGBAutoAugment()
    monkeypatch.setattr(
        ours.augment, 'policies', [(('TranslateX', 1.0, 9), ('Invert', 0, 1))]
    )
    white = np.full((40, 40, 3), 255, np.uint8)
    moved = ours({'img': white})['img']
    assert (moved == 128).all(axis=2).sum() > 100


def test_an_unknown_policy():
    with pytest.raises(ValueError, match='mnist'):
        RGBAutoAugment('mnist')
