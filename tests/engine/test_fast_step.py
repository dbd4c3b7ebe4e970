"""A fast step is the same step."""

import copy
import subprocess
import sys

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.reading import read_checkpoint
from cds_mm.engine import fast_step
from cds_mm.engine.amp import BFLOAT16, bfloat16_units
from cds_mm.engine.build import build_runner
from cds_mm.engine.fast_step import KEPT, use_fast_step
from cds_mm.engine.malloc import calm_malloc
from cds_mm.hooks.channels_last import channels_last
from cds_mm.hooks.fast_path import align
from cds_mm.paths import CONFIGS
from cds_mm.testing import class_folder, fresh_seed, shrink

CDS = 'cifar10/cds_r18_cifar10_folder.py'
DETECTION = 'detection/retinanet_r50-cds_fpn_1x_coco.py'
CLASSES = dict.fromkeys('abcd', 2)
TINY = dict(model__backbone__base_channels=8, model__head__in_channels=64)


def config(name=CDS, **changes):
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict({k.replace('__', '.'): v for k, v in changes.items()})
    return cfg


def hooks(cfg):
    return [hook['type'] for hook in cfg.get('custom_hooks') or []]


@pytest.fixture
def machine(monkeypatch):
    """``machine(units, gpu=False)`` makes up what a machine has."""

    def pretend(units, gpu=False):
        monkeypatch.setattr(fast_step, 'bfloat16_units', lambda: units)
        monkeypatch.setattr(fast_step, 'calm_malloc', lambda: not gpu)
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)

    return pretend


def test_a_cpu_without_units_stays_in_float32(machine):
    machine(None)
    cfg = config()
    assert use_fast_step(cfg) == [KEPT, 'channels_last']
    assert hooks(cfg).count('ChannelsLastHook') == 1
    assert cfg.optim_wrapper == config().optim_wrapper
    use_fast_step(cfg)
    assert hooks(cfg).count('ChannelsLastHook') == 1


def test_a_cpu_with_units(machine):
    machine('avx512_bf16')
    cfg = config()
    on = [KEPT, 'channels_last', 'bf16 autocast (avx512_bf16)']
    assert use_fast_step(cfg) == on
    assert cfg.optim_wrapper.type == BFLOAT16


def test_a_gpu_with_units_and_without(machine):
    machine('CUDA capability 9.0', gpu=True)
    cfg = config()
    assert use_fast_step(cfg) == [
        'channels_last',
        'bf16 autocast (CUDA capability 9.0)',
        'fused SGD',
    ]
    assert cfg.optim_wrapper.optimizer.fused
    machine(None, gpu=True)
    cfg = config()
    assert use_fast_step(cfg) == ['fused SGD']
    assert 'ChannelsLastHook' not in hooks(cfg)


@pytest.mark.parametrize('kind', ['AmpOptimWrapper', 'ApexOptimWrapper'])
def test_a_wrapper_that_was_asked_for_stays(machine, kind):
    machine('amx_bf16')
    cfg = config(optim_wrapper__type=kind)
    assert 'bf16' not in ' '.join(use_fast_step(cfg))
    assert cfg.optim_wrapper.type == kind


@pytest.mark.parametrize(
    'settings',
    [
        dict(fused=False),
        dict(foreach=True),
        dict(type='LARS'),
    ],
)
def test_an_optimizer_that_says_how_it_steps_stays(machine, settings):
    machine(None, gpu=True)
    cfg = config()
    cfg.optim_wrapper.optimizer.update(settings)
    before = dict(cfg.optim_wrapper.optimizer)
    assert use_fast_step(cfg) == []
    assert cfg.optim_wrapper.optimizer == before


def test_detection_stays_as_the_host_trains_it(machine):
    machine('amx_bf16')
    cfg = config(DETECTION)
    before = cfg.pretty_text
    assert use_fast_step(cfg) == [KEPT]
    assert cfg.pretty_text == before


def test_units_are_those_that_torch_knows(monkeypatch):
    known = {}
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: known)
    assert bfloat16_units() is None
    known['avx512_bf16'] = True
    assert bfloat16_units() == 'avx512_bf16'


FAULTS = """
import resource
import torch
from cds_mm.engine.malloc import calm_malloc

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
assert calm_malloc()
faults()
print(before, faults())
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='glibc')
def test_memory_that_is_kept_is_not_faulted_in_again():
    words = [sys.executable, '-c', FAULTS]
    shown = subprocess.run(words, capture_output=True, check=True, text=True)
    before, after = map(int, shown.stdout.split())
    # Of 80,000 pages, or of 160 huge ones, all but a few.
    assert after < before / 2


def network():
    torch.manual_seed(fresh_seed())
    return MODELS.build(config(**TINY).model)


def momentum(model, gradients, move=lambda buffer: buffer, **settings):
    """Weights after two steps, between which momentum comes from a file."""
    channels_last(model)
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


def test_a_run_may_want_float32(machine):
    machine('amx_bf16')
    cfg = config()
    assert use_fast_step(cfg, amp=False) == [KEPT, 'channels_last']
    assert cfg.optim_wrapper == config().optim_wrapper


def test_malloc_of_the_user_stays(monkeypatch):
    monkeypatch.setenv('MALLOC_TRIM_THRESHOLD_', '131072')
    assert not calm_malloc()


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Two epochs at once, and with a stop after the first."""
    root = tmp_path_factory.mktemp('runs')
    straight, stopped = root / 'straight', root / 'stopped'
    seed = fresh_seed()
    with class_folder(CLASSES, side=32, seed=seed) as folder:

        def train(work_dir, epochs, resume=None):
            cfg = shrink(config(**TINY), folder, 32, epochs=epochs)
            use_fast_step(cfg)
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
