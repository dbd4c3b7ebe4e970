"""A network with its channels last is the same network."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.engine.build import build_runner
from cds_mm.errors import UserError
from cds_mm.hooks import MemoryFormatHook
from cds_mm.hooks.memory_format import align
from cds_mm.testing import CONFIGS, class_folder, fresh_seed, shrink

CDS = 'cifar10/cds_r18_cifar10_folder.py'
CLASSES = dict.fromkeys('abcd', 2)
TINY = dict(model__backbone__base_channels=8, model__head__in_channels=64)


def config(**changes):
    cfg = Config.fromfile(CONFIGS / CDS)
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in changes.items()})
    return cfg


def network(seed=None, **changes):
    torch.manual_seed(seed or fresh_seed())
    return MODELS.build(config(**TINY, **changes).model)


def layouts(model):
    """Whether the 4-D weights lie with their channels last, each."""
    return {
        p.is_contiguous(memory_format=torch.channels_last)
        for p in model.parameters()
        if p.dim() == 4 and p.size(1) > 1 and p.size(-1) > 1
    }


def test_a_model_is_laid_out_when_it_is_built_and_stays_so():
    model = network()
    assert layouts(model) == {True}
    model.init_weights()
    assert layouts(model) == {True}
    assert layouts(copy.deepcopy(model)) == {True}
    assert layouts(network(model__memory_format='contiguous_format')) == {
        False
    }


def test_a_seed_gives_the_same_weights_in_either_layout():
    seed = fresh_seed()
    states = []
    for layout in ('channels_last', 'contiguous_format'):
        model = network(seed, model__memory_format=layout)
        model.init_weights()
        states.append(model.state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_a_layout_that_is_not_there():
    with pytest.raises(UserError, match='must be one of contiguous_format'):
        network(model__memory_format='channel_last')


def momentum(model, gradients, move=lambda buffer: buffer, **settings):
    """Weights after two steps, between which momentum comes from a file."""
    kind = torch.optim.SGD
    optimizer = kind(model.parameters(), lr=0.1, momentum=0.9, **settings)
    for step in range(2):
        for parameter, gradient in zip(
            model.parameters(), gradients, strict=True
        ):
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        optimizer.step()
        if step == 0:
            saved = optimizer.state_dict()
            for state in saved['state'].values():
                state['momentum_buffer'] = move(state['momentum_buffer'])
            optimizer.load_state_dict(saved)
            align(optimizer)
    return list(model.parameters())


def test_a_fused_step_with_momentum_of_another_layout():
    model = network()
    gradients = [torch.randn_like(p) for p in model.parameters()]
    plain = momentum(copy.deepcopy(model), gradients)
    fused = momentum(
        model, gradients, lambda buffer: buffer.contiguous(), fused=True
    )
    for one, other in zip(plain, fused, strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('fused', [True, None])
def test_whether_steps_are_fused_is_the_runs_own_affair(fused):
    weight = torch.nn.Parameter(torch.zeros(2))
    other = torch.optim.SGD([weight], lr=0.1, fused=not fused)
    own = torch.optim.SGD([weight], lr=0.1, fused=fused)
    own.load_state_dict(other.state_dict())
    align(own)
    assert own.param_groups[0]['fused'] is fused


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Two epochs at once, and with a stop after the first."""
    root = tmp_path_factory.mktemp('runs')
    straight, stopped = root / 'straight', root / 'stopped'
    seed = fresh_seed()
    with class_folder(CLASSES, side=32, seed=seed) as folder:

        def train(work_dir, epochs, resume=None):
            cfg = shrink(config(**TINY), folder, 32, epochs=epochs)
            cfg.work_dir, cfg.launcher = str(work_dir), 'none'
            if resume:
                cfg.load_from, cfg.resume = str(resume), True
            runner = build_runner(cfg)
            runner.train()
            return runner

        trained = train(straight, 2)
        train(stopped, 1)
        train(stopped, 2, stopped / 'epoch_1.pth')
    return trained, straight / 'epoch_2.pth', stopped / 'epoch_2.pth'


def test_a_resumed_run_is_the_same_run(runs):
    _, *paths = runs
    one, other = (torch.load(p, weights_only=False) for p in paths)
    for name, tensor in one['state_dict'].items():
        assert torch.equal(tensor, other['state_dict'][name]), name
    states = [run['optimizer']['state'] for run in (one, other)]
    assert states[0] and states[0].keys() == states[1].keys()
    for key, state in states[0].items():
        buffer = state['momentum_buffer']
        assert torch.equal(buffer, states[1][key]['momentum_buffer']), key


def test_a_checkpoint_has_the_usual_layout_and_the_same_weights(
    runs, tmp_path
):
    runner, path, _ = runs
    weight = runner.model.backbone.layer1[0].conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    state = read_checkpoint(path)['state_dict']
    optimizer = read_checkpoint(path)['optimizer']['state']
    for saved in optimizer.values():
        assert saved['momentum_buffer'].is_contiguous()
    live = runner.optim_wrapper.optimizer.state[weight]['momentum_buffer']
    assert live.stride() == weight.stride()
    for name, tensor in runner.model.state_dict().items():
        assert state[name].is_contiguous(), name
        assert torch.equal(state[name], tensor), name
    for suffix in ('pth', 'safetensors'):
        exported = tmp_path / f'backbone.{suffix}'
        convert(str(path), str(exported), Options())
        for name, tensor in read_checkpoint(exported)['state_dict'].items():
            assert torch.equal(tensor, state[f'backbone.{name}']), name


def test_averaged_weights_are_contiguous_too(tmp_path):
    with class_folder(CLASSES, side=32, seed=fresh_seed()) as folder:
        cfg = shrink(config(**TINY), folder, 32)
        cfg.custom_hooks.append(dict(type='EMAHook'))
        cfg.work_dir, cfg.launcher = str(tmp_path), 'none'
        build_runner(cfg).train()
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    for key in ('state_dict', 'ema_state_dict'):
        for name, tensor in saved[key].items():
            assert tensor.is_contiguous(), (key, name)


def test_a_run_lays_out_what_its_checkpoint_has_brought():
    """The hook does, before the first step."""
    torch.manual_seed(fresh_seed())
    layer = torch.nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    brought = torch.randn(6, 4, 3, 3)
    optimizer.state[layer.weight]['momentum_buffer'] = brought
    wrapper = SimpleNamespace(optimizer=optimizer)
    MemoryFormatHook().before_train(SimpleNamespace(optim_wrapper=wrapper))
    momentum = optimizer.state[layer.weight]['momentum_buffer']
    assert momentum.stride() == layer.weight.stride() != brought.stride()
    assert torch.equal(momentum, brought)
