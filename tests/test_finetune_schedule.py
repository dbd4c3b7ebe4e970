"""The schedule of fine-tuning: its curve, and what learns faster."""

import math

import pytest
from learning_rates import rates
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from cds_mm.testing import CONFIGS

STEPS = 7


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 2)
        self.head = nn.ModuleDict(dict(fc=nn.Linear(2, 2)))
        self.branches = nn.ModuleDict(dict(stage1=nn.Linear(2, 2)))


@pytest.fixture
def cfg():
    name = CONFIGS / '_base_' / 'schedules' / 'finetune_100e.py'
    return Config.fromfile(name)


def curve_and_names(cfg):
    """Learning rates (step, parameter) of the whole run, and the names."""
    model = Model()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    assert all(len(group['params']) == 1 for group in groups)
    assert {group['weight_decay'] for group in groups} == {5e-4}
    name_of = {id(p): name for name, p in model.named_parameters()}
    names = [name_of[id(group['params'][0])] for group in groups]
    return rates(cfg, wrapper, STEPS), names


def test_five_epochs_up_and_a_cosine_down(cfg):
    curve, names = curve_and_names(cfg)
    backbone = names.index('backbone.weight')
    got = [step[backbone] for step in curve]
    up, all_steps = 5 * STEPS, 100 * STEPS
    wanted = [
        0.01 * (0.01 + 0.99 * min(1, step / (up - 1))) for step in range(up)
    ]
    wanted += [
        0.005 * (1 + math.cos(math.pi * (step - up) / (all_steps - up)))
        for step in range(up, all_steps)
    ]
    assert got == pytest.approx(wanted, rel=1e-6)


def test_what_is_new_learns_ten_times_as_fast(cfg):
    curve, names = curve_and_names(cfg)
    backbone = names.index('backbone.weight')
    for index, name in enumerate(names):
        factor = 1 if name.startswith('backbone') else 10
        for step in curve[:: STEPS * 9]:
            assert step[index] == pytest.approx(factor * step[backbone])


def test_one_gpu_with_the_batch_of_the_data_sets(cfg):
    assert cfg.auto_scale_lr.base_batch_size == 64
    assert cfg.train_cfg.max_epochs == 100
    assert cfg.train_cfg.val_interval == 1
