"""The right weights are found under every wrapper."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from torch import nn

from cds_mm.checkpoint import extract_backbone
from cds_mm.errors import UserError


@pytest.fixture
def state(seed):
    keys = ['conv1.weight', 'bn1.bias', 'layer1.0.conv1.weight']
    return {key: torch.randn(2) for key in keys}


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    'prefix',
    ['', 'module.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.'],
)
@pytest.mark.parametrize('inner', ['', 'backbone.'])
@pytest.mark.parametrize('container', ['state_dict', 'model', None])
def test_wrappers(state, prefix, inner, container):
    saved = under(prefix, {**under(inner, state), 'fc.weight': torch.ones(1)})
    found = extract_backbone({container: saved} if container else saved, 'x')
    assert set(found.state) == set(state)
    assert all(torch.equal(found.state[k], state[k]) for k in state)
    assert sum(found.dropped.values()) == 1


@pytest.mark.parametrize(
    ('extra', 'prefix', 'kind'),
    [
        ('head.fc.weight', 'backbone.', 'mmpretrain'),
        ('auxiliary3.0.op.1.weight', '', 'cds-release'),
        ('fc.bias', '', 'torchvision'),
    ],
)
def test_kinds(state, extra, prefix, kind):
    saved = {**under(prefix, state), extra: torch.ones(1)}
    assert extract_backbone(saved, 'x').kind == kind


def test_no_layer_of_the_backbone_is_taken_for_a_head(state):
    # SE layers have an `fc` of their own in some libraries.
    saved = {**state, 'layer1.0.se.fc.weight': torch.ones(1)}
    assert 'layer1.0.se.fc.weight' in extract_backbone(saved, 'x').state


def test_averaged_weights_of_mmengine(seed):
    model = nn.Module()
    model.backbone = nn.Linear(3, 2)
    hook = EMAHook(momentum=0.25)
    hook.before_run(SimpleNamespace(model=model))
    old = model.backbone.weight.detach().clone()
    hook.ema_model.update_parameters(model)  # the first one copies
    with torch.no_grad():
        model.backbone.weight.add_(torch.randn(2, 3))
    hook.ema_model.update_parameters(model)
    raw = model.backbone.weight.detach().clone()
    averaged = 0.75 * old + 0.25 * raw
    checkpoint = {'state_dict': model.state_dict()}
    hook.before_save_checkpoint(None, checkpoint)

    found = extract_backbone(checkpoint, 'x', ema=True)
    assert found.weights == 'EMA'
    torch.testing.assert_close(found.state['weight'], averaged)
    found = extract_backbone(checkpoint, 'x', ema=False)
    assert found.weights == 'raw (not EMA)'
    assert torch.equal(found.state['weight'], raw)


@pytest.mark.parametrize('name', ['model_ema', 'state_dict_ema'])
def test_averaged_weights_of_others(state, name):
    ema = {k: v + 1 for k, v in state.items()}
    ema_saved = {**under('module.', ema), 'n_averaged': torch.tensor(3)}
    saved = {'model': state, name: ema_saved}
    found = extract_backbone(saved, 'x')
    assert torch.equal(found.state['bn1.bias'], ema['bn1.bias'])
    found = extract_backbone(saved, 'x', ema=False)
    assert torch.equal(found.state['bn1.bias'], state['bn1.bias'])


@pytest.mark.parametrize('prefix', ['encoder.', 'model.backbone.', 'x.y.z.'])
def test_unknown_prefix_is_named(state, prefix):
    with pytest.raises(UserError, match=rf'--prefix {prefix}$'):
        extract_backbone(under(prefix, state), 'x')
    found = extract_backbone(under(prefix, state), 'x', prefix=prefix)
    assert set(found.state) == set(state)
