"""BYOL as MMPretrain computes it, and as our configs set it up."""

import math

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpretrain.models import BYOL
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.analysis.bench import Bench
from cds_mm.checkpoint import extract_backbone
from cds_mm.config import load_config, plain_batchnorm, with_preprocessor
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, fresh_seed, random_units

PRETRAIN = str(CONFIGS / 'representation/byol_r18_cifar100_pretrain-1000e.py')
MAX_ITERS = 10


class Same(nn.Module):
    """Stands for a network that is the identity; one weight, never read."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return (x[0] + 0 * self.weight,)


@pytest.fixture(autouse=True)
def run_length():
    hub = MessageHub.get_current_instance()
    hub.update_info('max_iters', MAX_ITERS)
    yield
    hub.runtime_info.pop('max_iters')


def loss_of_vectors(first, second):
    """The host's loss where the vectors are the projections."""
    head = dict(
        type='mmpretrain.LatentPredictHead',
        predictor=dict(type='mmpretrain.ClsBatchNormNeck', input_features=1),
        loss=dict(type='mmpretrain.CosineSimilarityLoss'),
    )
    model = BYOL(nn.Identity(), Same(), MODELS.build(head))
    model.head.predictor = Same()
    # Each view is the tuple that a backbone would give.
    return model.loss([(first,), (second,)], [])['loss'].item()


def official_loss(first, second):
    """2 - 2 cos in both orders, a pair at a time, in Python floats."""
    total = 0.0
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(one, other, strict=True))
        length = math.hypot(*one) * math.hypot(*other)
        total += 2 * (2 - 2 * dot / length)
    return total / len(first)


def test_the_loss_is_the_published_one_minus_four():
    generator = torch.Generator().manual_seed(fresh_seed())
    first, second = (
        random_units(6, 5, generator)
        * (1 + torch.rand(6, 1, generator=generator, dtype=torch.float64))
        for _ in range(2)
    )
    expected = official_loss(first, second) - 4
    assert loss_of_vectors(first, second) == pytest.approx(expected, abs=1e-9)
    assert loss_of_vectors(first, first) == pytest.approx(-4)
    basis = torch.eye(4, dtype=torch.float64)
    orthogonal = loss_of_vectors(basis[:2], basis[2:])
    assert orthogonal == pytest.approx(0, abs=1e-12)


def byol():
    """That of the config, narrow, with BatchNorm of one device."""
    torch.manual_seed(fresh_seed())
    init_default_scope('mmpretrain')
    cfg = load_config(PRETRAIN)
    cfg.model.backbone.update(base_channels=8, stem_channels=8)
    cfg.model.neck.in_channels = 64
    model = revert_sync_batchnorm(MODELS.build(with_preprocessor(cfg)))
    return model.train(), cfg


def views():
    return [torch.randn(4, 3, 32, 32) for _ in range(2)]


def test_the_target_gets_no_gradient_and_everything_else_does():
    model, _ = byol()
    model.loss(views(), [])['loss'].backward()
    for name, parameter in model.named_parameters():
        if name.startswith('target_net.'):
            assert parameter.grad is None, name
        else:
            # A shift before BatchNorm has none, but for rounding.
            assert parameter.grad is not None, name


def test_the_target_first_copies_and_then_follows_slowly():
    """tau = 1 - (1 - 0.996) (cos(pi k / K) + 1) / 2 (BYOL, section 3.3)."""
    model, _ = byol()
    online = nn.Sequential(model.backbone, model.neck)
    target = dict(model.target_net.module.named_parameters())
    expected = {k: p.detach().clone() for k, p in online.named_parameters()}
    for step in range(4):
        with torch.no_grad():
            for parameter in online.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.01)
        model.loss(views(), [])
        tau = 1 - 0.004 * (math.cos(math.pi * step / MAX_ITERS) + 1) / 2
        for name, parameter in online.named_parameters():
            new = parameter.detach()
            if step:
                new = tau * expected[name] + (1 - tau) * new
            expected[name] = new.clone()
            torch.testing.assert_close(target[name], new)


def test_neither_bias_nor_batchnorm_decays_or_is_adapted():
    model, cfg = byol()
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    excluded = {
        id(parameter)
        for group in groups
        if group.get('lars_exclude')
        for parameter in group['params']
        if group['weight_decay'] == 0
    }
    seen = 0
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            seen += 1
            assert (id(parameter) in excluded) == (parameter.dim() == 1), name
    assert seen
    before = {k: p.detach().clone() for k, p in model.named_parameters()}
    data = dict(inputs=views(), data_samples=[])
    model.train_step(data, wrapper)
    moved = {
        k for k, p in model.named_parameters() if not torch.equal(p, before[k])
    }
    assert 'backbone.conv1.weight' in moved
    assert not any(name.startswith('target_net.') for name in moved)


def test_ranks_without_a_gpu_have_the_plain_batchnorm():
    _, cfg = byol()
    cfg.model.backbone.update(base_channels=8, stem_channels=8)
    plain_batchnorm(cfg.model)
    model = MODELS.build(with_preprocessor(cfg))
    kinds = {
        type(module)
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    assert kinds == {nn.BatchNorm2d, nn.BatchNorm1d}
    model.loss(views(), [])


def step_and_export(name):
    torch.manual_seed(fresh_seed())
    init_default_scope('mmpretrain')
    cfg = load_config(str(CONFIGS / f'representation/{name}'))
    model = revert_sync_batchnorm(MODELS.build(with_preprocessor(cfg)))
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    data = dict(inputs=views(), data_samples=[])
    loss = model.train().train_step(data, wrapper)['loss']
    assert -4 <= loss.item() <= 4
    checkpoint = dict(state_dict=model.state_dict())
    backbone = extract_backbone(checkpoint, name).state
    # As the run that fine-tunes it builds it, without synchronised BatchNorm.
    plain = load_config(
        str(CONFIGS / f'representation/{name}').replace('pretrain-1000', '80')
    )
    plain = MODELS.build(plain.model.backbone)
    plain.load_state_dict(backbone, strict=True)
    for key, tensor in model.backbone.state_dict().items():
        assert torch.equal(plain.state_dict()[key], tensor), key


def test_a_step_exports_the_plain_backbone():
    step_and_export('byol_r18_cifar100_pretrain-1000e.py')


@pytest.mark.slow
def test_a_step_of_the_large_one():
    step_and_export('byol_r50_in1k_pretrain-1000e.py')


def test_the_views_differ_in_blur_and_solarisation():
    cfg = load_config(
        str(CONFIGS / 'representation/byol_r50_in1k_pretrain-1000e.py')
    )
    multi = cfg.train_dataloader.dataset.pipeline[1]
    first, second = (
        {step.type: step.get('prob') for step in view}
        for view in multi.transforms
    )
    assert (first['GaussianBlur'], second['GaussianBlur']) == (1.0, 0.1)
    assert 'Solarize' not in first and second['Solarize'] == 0.2
    assert multi.transforms[0][0].interpolation == 'bicubic'


def test_the_cost_of_another_class_is_not_measured():
    with pytest.raises(UserError, match='its model is a BYOL'):
        Bench(PRETRAIN, 2)
