"""bfloat16 where it is asked for, and nowhere else."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast

from cds_mm import optim_wrapper, registration
from cds_mm.engine.amp import (
    check_amp,
    unused_units,
    use_amp,
    use_amp_in_test,
)
from cds_mm.errors import UserError
from cds_mm.evaluation import BFloat16TestLoop
from cds_mm.optim_wrapper import BFLOAT16, bfloat16_units


def training(kind='OptimWrapper', **settings):
    wrapper = dict(type=kind, optimizer=dict(type='SGD', lr=1.0), **settings)
    return Config(dict(optim_wrapper=wrapper))


@pytest.fixture
def machine(monkeypatch):
    """``machine(units)`` sets what the processor reports; no GPU."""

    def pretend(**units):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
        monkeypatch.setattr(
            torch.cpu, 'get_capabilities', lambda: units, raising=False
        )

    return pretend


@pytest.fixture
def gpu(monkeypatch):
    """``gpu(major)`` makes up a GPU of a capability."""

    def pretend(major):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        monkeypatch.setattr(
            torch.cuda, 'get_device_capability', lambda: (major, 0)
        )

    return pretend


def test_units_are_those_that_torch_knows(machine, gpu):
    machine()
    assert bfloat16_units() is None
    machine(avx512_bf16=False, avx2=True)
    assert bfloat16_units() is None
    for unit in ('avx512_bf16', 'amx_bf16'):
        machine(**{unit: True})
        assert bfloat16_units() == unit
    gpu(7)
    assert bfloat16_units() is None
    gpu(8)
    assert bfloat16_units() == 'CUDA capability 8.0'


def test_amp_is_bfloat16_on_a_cpu_and_on_a_gpu(machine, gpu):
    for pretend in (lambda: machine(amx_bf16=True), lambda: gpu(9)):
        pretend()
        for kind in ('OptimWrapper', BFLOAT16, OptimWrapper):
            cfg = training(kind)
            use_amp(cfg)
            assert cfg.optim_wrapper.type == BFLOAT16
            check_amp(cfg)


def test_without_units_there_is_one_line(machine, gpu):
    plain, asked = training(), training(BFLOAT16)
    for pretend in (machine, lambda: gpu(7)):
        pretend()
        for ask, cfg in (
            (use_amp, plain),
            (check_amp, asked),
            (built, asked),  # what another launcher does
        ):
            with pytest.raises(UserError, match='float16 on a GPU') as error:
                ask(cfg)
            said = str(error.value)
            assert 'optim_wrapper.type=AmpOptimWrapper' in said
            assert '\n' not in said
        assert plain.optim_wrapper.type == 'OptimWrapper'
        check_amp(plain)


def built(cfg):
    weight = torch.nn.Parameter(torch.zeros(1))
    return OPTIM_WRAPPERS.build(
        dict(type=cfg.optim_wrapper.type, optimizer=torch.optim.SGD([weight]))
    )


def test_the_advice_for_float16_is_taken_as_it_is(gpu, monkeypatch):
    gpu(7)
    cfg = training('AmpOptimWrapper')
    check_amp(cfg)
    assert isinstance(built(cfg), AmpOptimWrapper)
    # And for float32, of a config that asks for bfloat16.
    cfg = training(BFLOAT16)
    cfg.merge_from_dict({'optim_wrapper.type': 'OptimWrapper'})
    check_amp(cfg)
    assert type(built(cfg)) is OptimWrapper


@pytest.mark.parametrize('kind', ['AmpOptimWrapper', 'ApexOptimWrapper'])
def test_a_wrapper_that_was_asked_for_is_not_replaced(machine, kind):
    machine(amx_bf16=True)
    cfg = training(kind, loss_scale=512.0)
    match = f'leave --amp out to train with {kind}'
    with pytest.raises(UserError, match=match):
        use_amp(cfg)
    assert cfg.optim_wrapper.type == kind
    check_amp(cfg)  # without --amp


def test_units_that_are_not_used_are_named(machine):
    machine(avx512_bf16=True)
    assert 'avx512_bf16); --amp uses them' in unused_units(training())
    for kind in (BFLOAT16, 'AmpOptimWrapper'):
        assert unused_units(training(kind)) == ''
    machine()
    assert unused_units(training()) == ''


def test_a_test_in_bfloat16(machine, monkeypatch):
    machine()
    cfg = Config(dict(default_scope='mmpretrain', test_cfg=dict()))
    with pytest.raises(UserError, match='set test_cfg.fp16=True'):
        use_amp_in_test(cfg)
    assert not cfg.test_cfg
    machine(avx512_bf16=True)
    use_amp_in_test(cfg)
    assert cfg.test_cfg == dict(type='BFloat16TestLoop', fp16=True)
    seen = []

    def run(loop):
        # What the host's loop enters on a GPU.
        with autocast(device_type='cuda', enabled=True):
            seen.append(torch.get_autocast_dtype('cuda'))

    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda: True)
    monkeypatch.setattr(TestLoop, 'run', run)
    before = torch.get_autocast_dtype('cuda')
    BFloat16TestLoop.run(object.__new__(BFloat16TestLoop))
    assert seen == [torch.bfloat16] != [before]
    assert torch.get_autocast_dtype('cuda') == before


def test_a_detector_is_tested_in_float32(machine):
    machine(avx512_bf16=True)
    cfg = Config(dict(default_scope='mmdet', test_cfg=dict()))
    with pytest.raises(UserError, match='leave --amp out'):
        use_amp_in_test(cfg)


def test_the_context_is_bfloat16_of_the_models_device(monkeypatch):
    monkeypatch.setattr(optim_wrapper, 'bfloat16_units', lambda: 'made up')
    model = torch.nn.Linear(3, 2)
    wrapper = built(training(BFLOAT16))
    with wrapper.optim_context(model):
        assert model(torch.ones(1, 3)).dtype == torch.bfloat16
    assert model(torch.ones(1, 3)).dtype == torch.float32


def test_a_dumped_config_finds_the_wrapper_in_any_launcher():
    # What `custom_imports` of a config imports, and not the command line.
    known = registration.optim_wrapper.BFloat16OptimWrapper
    assert OPTIM_WRAPPERS.get(BFLOAT16) is known
