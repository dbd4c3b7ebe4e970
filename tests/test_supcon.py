"""SupCon's first stage, as its config sets it up."""

import math

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from references import contrast

from cds_mm.config import load_config, with_preprocessor
from cds_mm.losses import unit_rows
from cds_mm.stage_outputs import StageOutputs
from cds_mm.testing import CONFIGS, fresh_seed, samples

WIDTH = 64


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(fresh_seed())
    init_default_scope('mmpretrain')
    leaf = CONFIGS / 'representation/supcon_r18_cifar100_1000e.py'
    cfg = load_config(str(leaf))
    cfg.model.backbone.update(base_channels=8, stem_channels=8)
    return MODELS.build(with_preprocessor(cfg)).double().eval()


def test_no_classifier_and_an_mlp_as_wide_as_its_input(model):
    assert not model.with_head
    count = sum(p.numel() for p in model.branches.parameters())
    assert count == WIDTH * WIDTH + WIDTH + WIDTH * 128 + 128
    first, relu, last = model.branches['stage4'].head.mlp
    assert isinstance(relu, torch.nn.ReLU)
    assert (first.out_features, last.out_features) == (WIDTH, 128)


def test_the_loss_of_the_whole_model(model):
    labels = [0, 1, 0, 2, 1]
    inputs = torch.randn(10, 3, 32, 32, dtype=torch.float64)
    log = model.loss(inputs, samples(labels))
    assert set(log) > {'loss_supcon.stage4'}
    assert [key for key in log if 'loss' in key] == ['loss_supcon.stage4']
    first, _, last = model.branches['stage4'].head.mlp
    pooled = model.backbone(inputs)[-1].mean((2, 3))
    hidden = (pooled @ first.weight.T + first.bias).clamp(min=0)
    vectors = hidden @ last.weight.T + last.bias
    z = (vectors / vectors.norm(dim=1, keepdim=True)).detach()
    expected = float(contrast(z, labels, 0.1, base_temperature=0.07))
    assert log['loss_supcon.stage4'].item() == pytest.approx(expected)


def loss_of(model, z, labels):
    outputs = StageOutputs(
        labels=torch.tensor(labels),
        sample_idx=torch.arange(len(labels)),
        num_views=2,
        branches={'stage4': z},
    )
    losses, _ = model.supervisions['supcon'](outputs)
    return losses['stage4'].item()


@pytest.mark.parametrize(
    ('labels', 'expected'),
    [
        # Both views of image j are e_j: ln(1 + 2 e^-10), or, of one class,
        # ln(e^10 + 2) - 10 / 3; x 0.1 / 0.07.
        ([0, 1], math.log1p(2 * math.exp(-10)) / 0.7),
        ([0, 0], (math.log(math.exp(10) + 2) - 10 / 3) / 0.7),
    ],
)
def test_analytic_values(model, labels, expected):
    z = torch.eye(4, dtype=torch.float64)[[0, 1, 0, 1]]
    assert loss_of(model, z, labels) == pytest.approx(expected, rel=1e-9)


def test_neither_the_order_nor_the_length_of_vectors_matters(model):
    generator = torch.Generator().manual_seed(fresh_seed())
    z = torch.randn(12, 8, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 3, (6,), generator=generator).tolist()
    loss = loss_of(model, z, labels)
    swapped = z.roll(6, 0)
    order = torch.randperm(6, generator=generator).tolist()
    rows = order + [6 + row for row in order]
    permuted = loss_of(model, z[rows], [labels[row] for row in order])
    for other in (
        loss_of(model, swapped, labels),
        loss_of(model, unit_rows(z), labels),
        permuted,
    ):
        assert other == pytest.approx(loss, rel=1e-9)
