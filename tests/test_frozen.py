"""Parts of a model that are not trained."""

import copy

import pytest
import torch
from mmpretrain.registry import MODELS

from cds_mm.config import load_config, with_preprocessor
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, fresh_seed, samples


def model_with(**changes):
    torch.manual_seed(fresh_seed())
    cfg = load_config(str(CONFIGS / 'cifar10/dsn_r18_cifar10_folder.py'))
    cfg.merge_from_dict({'model.backbone.base_channels': 8})
    cfg.merge_from_dict({'model.backbone.stem_channels': 8})
    cfg.merge_from_dict({'model.head.in_channels': 64})
    return MODELS.build({**with_preprocessor(cfg), **changes})


def test_a_frozen_part_stays_bit_for_bit():
    model = model_with(frozen=('backbone', 'head')).train()
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        log = model.loss(torch.randn(4, 3, 32, 32), samples([0, 3, 3, 9]))
        sum(log[key] for key in log if key.startswith('loss')).backward()
        optimizer.step()
    assert not model.backbone.training
    assert model.branches.training
    for key, tensor in model.state_dict().items():
        moved = not torch.equal(tensor, before[key])
        assert moved == key.startswith('branches.'), key


def test_a_part_that_is_not_there():
    with pytest.raises(UserError, match='names trunk.*backbone, neck, head'):
        model_with(frozen=('trunk',))
