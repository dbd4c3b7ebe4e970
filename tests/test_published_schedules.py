"""Schedules that name a source, against that source's formula."""

import math
import random

import pytest
import torch
from learning_rates import rates
from mmengine.config import Config

from cds_mm.errors import UserError
from cds_mm.schedules import WarmUpCosineLR
from cds_mm.testing import CONFIGS, fresh_seed

STEPS = 3


def drops(rate, factor, *epochs):
    """Times the factor at the start of each of these epochs, from 0 on."""
    return lambda epoch, share: (
        rate * factor ** sum(epoch >= drop for drop in epochs)
    )


def supcontrast(epoch, share):
    """Its epochs count from one; ``batch_size`` 1024 turns ``warm`` on."""
    whole, rate, floor = 1000, 0.5, 0.5 * 0.1**3

    def cosine(e):
        return floor + (rate - floor) * (1 + math.cos(math.pi * e / whole)) / 2

    if epoch + 1 <= 10:
        p = (epoch + share) / 10
        return 0.01 + p * (cosine(10) - 0.01)
    return cosine(epoch + 1)


def supcontrast_linear(epoch, share):
    """Drops where the epoch, from one on, is beyond 60, 75, 90."""
    return 5 * 0.2 ** sum(epoch + 1 > drop for drop in (60, 75, 90))


FORMULAS = {
    # The released code of CDS.
    'cifar_300e': drops(0.1, 0.1, 90, 180, 280),
    'in1k_90e': lambda epoch, share: 0.1 * 0.1 ** (epoch // 30),
    # SSKD's first stage; torchdistill's for ImageNet.
    'cifar_60e': drops(0.05, 0.1, 30, 45),
    'in1k_30e': drops(0.1, 0.1, 10, 20),
    # The AutoAugment paper.
    'in1k_270e_bs4096': drops(1.6, 0.1, 90, 180, 240),
    'supcon_cifar_1000e': supcontrast,
    'linear_100e': supcontrast_linear,
}
# Batch, momentum, weight decay.
SETTINGS = {
    'cifar_300e': (128, 0.9, 5e-4),
    'in1k_90e': (256, 0.9, 1e-4),
    'cifar_60e': (64, 0.9, 5e-4),
    'in1k_30e': (256, 0.9, 5e-4),
    'in1k_270e_bs4096': (4096, 0.9, 1e-4),
    'supcon_cifar_1000e': (1024, 0.9, 1e-4),
    'linear_100e': (512, 0.9, 0.0),
}


def schedule(name):
    return Config.fromfile(CONFIGS / f'_base_/schedules/{name}.py')


def optimizer(cfg):
    settings = dict(cfg.optim_wrapper.optimizer)
    rate = settings['lr']
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], rate)


@pytest.mark.parametrize('name', FORMULAS)
def test_each_rate_is_that_of_the_formula(name):
    cfg = schedule(name)
    got = [rate for (rate,) in rates(cfg, optimizer(cfg), STEPS)]
    wanted = [
        FORMULAS[name](epoch, step / STEPS)
        for epoch in range(cfg.train_cfg.max_epochs)
        for step in range(STEPS)
    ]
    assert got == pytest.approx(wanted, rel=1e-6, abs=0)
    given = cfg.optim_wrapper.optimizer
    batch = cfg.auto_scale_lr.base_batch_size
    found = (batch, given.momentum, given.weight_decay)
    assert (given.type, found) == ('SGD', SETTINGS[name])
    assert 'paramwise_cfg' not in cfg.optim_wrapper


@pytest.mark.parametrize(
    ('name', 'rate', 'decay'),
    [
        # SimCLR: 0.3 for 256 images; BYOL: 0.2.
        ('supcon_in1k_100e', 0.3 * 6144 / 256, 1e-6),
        ('supcon_in1k_350e', 0.3 * 6144 / 256, 1e-6),
        ('byol_1000e', 0.2 * 1024 / 256, 1.5e-6),
    ],
)
def test_large_batches_warm_up_for_ten_epochs_and_fall_to_zero(
    name, rate, decay
):
    cfg = schedule(name)
    steps, epochs = 7, cfg.train_cfg.max_epochs
    got = [rate for (rate,) in rates(cfg, optimizer(cfg), steps)]
    rise, whole = 10 * steps, epochs * steps
    assert got[:rise] == sorted(got[:rise])
    assert got[rise - 1] == pytest.approx(rate)
    wanted = [
        rate / 2 * (1 + math.cos(math.pi * (step - rise) / (whole - rise)))
        for step in range(rise, whole)
    ]
    assert got[rise:] == pytest.approx(wanted, rel=1e-6, abs=rate * 1e-9)
    given = cfg.optim_wrapper.optimizer
    assert (given.type, given.weight_decay) == ('LARS', decay)


def cosine(wrapper):
    return WarmUpCosineLR.build_iter_from_epoch(
        wrapper,
        T_max=20,
        warm_up=4,
        start_factor=0.1,
        eta_min_ratio=0.01,
        epoch_length=5,
        end=20,
    )


def test_it_goes_on_from_its_state():
    cfg = schedule('supcon_cifar_1000e')
    random.seed(fresh_seed())
    first, second = optimizer(cfg), optimizer(cfg)
    straight, resumed = cosine(first), cosine(second)
    done = random.randint(1, 90)
    for _ in range(done):
        first.step()
        straight.step()
    resumed.load_state_dict(straight.state_dict())
    for _ in range(100 - done):
        for wrapper, scheduler in ((first, straight), (second, resumed)):
            wrapper.step()
            scheduler.step()
        assert first.param_groups[0]['lr'] == second.param_groups[0]['lr']


def test_it_needs_iterations():
    cfg = schedule('supcon_cifar_1000e')
    cfg.param_scheduler.convert_to_iter_based = False
    with pytest.raises(UserError, match='convert_to_iter_based=True'):
        rates(cfg, optimizer(cfg), STEPS)
