"""A detection run starts only on the backbone that was trained."""

import copy
import logging
from types import SimpleNamespace

import mmdet.models  # noqa: F401
import mmpretrain.models  # noqa: F401
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, DefaultScope
from torch import nn
from torch.optim import SGD

from cds_mm.checkpoint import convert
from cds_mm.errors import UserError

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
BACKBONE = {'type': 'ResNet', 'depth': 18, 'base_channels': 16}


def record():
    backbone = {**BACKBONE, 'stem_channels': 16}
    return {
        'format': 1,
        'backbone': backbone,
        'channel_order': 'rgb',
        'mean': MEAN,
        'std': STD,
    }


@pytest.fixture
def pretrained(tmp_path):
    """A converted file."""
    seed = torch.seed() % (1 << 31)
    print(f'seed {seed}')
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        backbone = {**record()['backbone'], 'type': 'mmpretrain.ResNet'}
        network = MODELS.build(backbone)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    state = {f'backbone.{k}': v for k, v in network.state_dict().items()}
    src = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': state, 'meta': {'cds_mm': record()}}, src)
    return convert(src, tmp_path / 'b.pth').path


@pytest.fixture
def runner(pretrained):
    """What a runner is before its first iteration, after init_weights."""

    def make(init_cfg=None, bgr_to_rgb=True, **backbone):
        backbone = {
            **BACKBONE,
            'frozen_stages': 1,
            'norm_eval': True,
            'init_cfg': {
                'type': 'Pretrained',
                'checkpoint': str(pretrained),
                **(init_cfg or {}),
            },
            **backbone,
        }
        preprocessor = {
            'type': 'DetDataPreprocessor',
            'mean': MEAN,
            'std': STD,
            'bgr_to_rgb': bgr_to_rgb,
            'pad_size_divisor': 32,
        }
        pipeline = [{'type': 'LoadImageFromFile'}]
        cfg = Config(
            {
                'model': {
                    'backbone': backbone,
                    'data_preprocessor': preprocessor,
                },
                'train_dataloader': {'dataset': {'pipeline': pipeline}},
            }
        )
        model = nn.Module()
        with DefaultScope.overwrite_default_scope('mmdet'):
            model.backbone = MODELS.build(cfg.model.backbone)
            model.data_preprocessor = MODELS.build(preprocessor)
        model.backbone.init_weights()
        model.train()
        return SimpleNamespace(
            model=model,
            cfg=cfg,
            iter=0,
            _load_from=None,
            optim_wrapper=OptimWrapper(SGD(model.parameters(), lr=0.02)),
            logger=logging.getLogger('test_verify_pretrained'),
        )

    return make


@pytest.fixture
def hook():
    return HOOKS.build({'type': 'VerifyPretrainedHook'})


def test_the_right_backbone_passes_with_one_line(runner, hook, caplog):
    run = runner()
    with caplog.at_level(logging.INFO):
        hook.before_train(run)
    assert len(caplog.messages) == 1
    assert 'verified' in caplog.messages[0]
    assert 'stages 1, 2, 3, 4' in caplog.messages[0]


def test_the_model_is_left_as_it_was(runner, hook):
    run = runner()
    modes = [m.training for m in run.model.modules()]
    grads = [p.requires_grad for p in run.model.parameters()]
    before = copy.deepcopy(run.model.state_dict())
    hook.before_train(run)
    assert [m.training for m in run.model.modules()] == modes
    assert [p.requires_grad for p in run.model.parameters()] == grads
    after = run.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert any(modes)
    assert not all(modes)


def scratch(run):
    run.model.backbone.layer2[0].conv1.reset_parameters()


def wrong_statistics(run):
    run.model.backbone.bn1.reset_running_stats()


def other_mean(run):
    run.model.data_preprocessor.mean += 3


@pytest.mark.parametrize(
    ('damage', 'line'),
    [
        (scratch, 'stage 2'),
        (wrong_statistics, 'stage 1'),
        (other_mean, 'mean'),
    ],
)
def test_another_backbone_stops_the_run(runner, hook, damage, line):
    run = runner()
    damage(run)
    with pytest.raises(UserError, match=line) as caught:
        hook.before_train(run)
    assert 'b.pth' in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        ({'bgr_to_rgb': False}, 'channel order'),
        ({'depth': 34}, 'depth'),
        ({'norm_cfg': {'type': 'BN', 'eps': 0.01}}, 'stage 1'),
        ({'base_channels': 8}, 'width.*model.backbone.base_channels=16'),
    ],
)
def test_other_settings_stop_the_run(runner, hook, changes, line):
    with pytest.raises(UserError, match=line) as caught:
        hook.before_train(runner(**changes))
    assert ('was it loaded?' in str(caught.value)) == line.startswith('stage')


def test_what_mmengine_only_logs_stops_the_run(runner, hook, pretrained):
    content = torch.load(pretrained, weights_only=True)
    state = content['state_dict']
    content['state_dict'] = {f'backbone.{k}': v for k, v in state.items()}
    torch.save(content, pretrained)
    run = runner()  # loads nothing, and says so in the log
    with pytest.raises(UserError, match='stage 1'):
        hook.before_train(run)


def test_other_sources_of_weights_are_let_through(runner, hook, caplog):
    run = runner()
    scratch(run)
    with pytest.raises(UserError):
        hook.before_train(run)
    for changes in ({'iter': 7}, {'_load_from': 'detector.pth'}):
        resumed = SimpleNamespace(**{**vars(run), **changes})
        with caplog.at_level(logging.INFO):
            hook.before_train(resumed)
    assert caplog.text.count('backbone is not verified') == 2


def test_wrapped_and_semi_supervised_models(runner, hook):
    from mmengine.model import MMDistributedDataParallel

    run = runner()
    student, inner = run.model, nn.Module()
    inner.student, inner.data_preprocessor = student, nn.Module()
    inner.data_preprocessor.data_preprocessor = student.data_preprocessor
    run.model = inner
    hook.before_train(run)
    wrapper = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapper)
    wrapper.module = student
    run.model = wrapper
    hook.before_train(run)
    scratch(SimpleNamespace(model=student))
    with pytest.raises(UserError):
        hook.before_train(run)


def test_nothing_to_verify(runner, hook):
    run = runner()
    run.cfg.model.backbone.init_cfg = None
    with pytest.raises(UserError, match='no pretrained'):
        hook.before_train(run)
    run.model = nn.Module()
    hook.checkpoint = 'absent.pth'
    with pytest.raises(UserError, match='no such file'):
        hook.before_train(run)


def begin(run, hook):
    hook.before_train(run)
    hook.before_train_iter(run, batch_idx=0)


def step(run, size=1.0):
    """A step of the optimizer, with gradients of a size."""
    for parameter in run.model.backbone.parameters():
        parameter.grad = size * torch.randn_like(parameter)
    run.optim_wrapper.optimizer.step()


@pytest.mark.parametrize('size', [1.0, 1e2, 1e4])
def test_a_step_from_these_weights_goes_on(runner, hook, size):
    """However large it is: that is for other checks to see."""
    run = runner()
    begin(run, hook)
    step(run, size)
    hook.after_train_iter(run, batch_idx=0)
    assert hook._verified is None, 'the weights are not kept'
    scratch(run)  # looked at no more
    hook.before_train_iter(run, batch_idx=1)
    hook.after_train_iter(run, batch_idx=1)


def rebuilt(run):
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = dict(run.cfg.model.backbone, init_cfg=None)
        run.model.backbone = MODELS.build(backbone)


def initialised(run):
    for module in run.model.backbone.modules():
        if isinstance(module, nn.Conv2d):
            module.reset_parameters()


@pytest.mark.parametrize('damage', [rebuilt, initialised])
def test_a_fresh_start_is_caught(runner, hook, damage):
    run = runner()
    hook.before_train(run)
    damage(run)
    with pytest.raises(UserError, match='before the first iteration'):
        hook.before_train_iter(run, batch_idx=0)
    run = runner()
    begin(run, hook)
    damage(run)
    with pytest.raises(UserError, match='in the first iteration.*again'):
        step(run)
    run = runner()
    begin(run, hook)
    damage(run)  # and no step, as with accumulated gradients
    with pytest.raises(UserError, match='in the first iteration.*again'):
        hook.after_train_iter(run, batch_idx=0)


def test_a_changed_function_is_accepted_with_the_weights(runner, caplog):
    changes = dict(dilations=(1, 1, 1, 2), strides=(1, 2, 2, 1))
    strict = HOOKS.build(dict(type='VerifyPretrainedHook'))
    with pytest.raises(UserError, match='accept_changed_function=True'):
        strict.before_train(runner(**changes))
    knowing = HOOKS.build(
        dict(type='VerifyPretrainedHook', accept_changed_function=True)
    )
    with caplog.at_level(logging.INFO):
        knowing.before_train(runner(**changes))
    assert 'all its tensors are in the backbone' in caplog.text
    run = runner(**changes)
    scratch(run)
    with pytest.raises(UserError, match=r'1 of 120 tensors in the model'):
        knowing.before_train(run)


def test_an_unknown_loader_is_warned_of(runner, hook, caplog):
    from cds_mm.run_warnings import forget_warnings, warnings_so_far

    run = runner()
    forget_warnings()
    run.cfg.train_dataloader.dataset.pipeline[0].type = 'LoadTiffImage'
    with caplog.at_level(logging.INFO):
        hook.before_train(run)
    assert 'but not the channel order' in caplog.text
    assert 'channel order is not proven' in warnings_so_far()[0]
    forget_warnings()


def test_no_random_number_is_drawn(runner, hook, pretrained):
    """Also where the recorded network has to be built to compare with."""
    content = torch.load(pretrained, weights_only=True)
    del content['meta']['cds_mm']['fingerprint']
    state = content['state_dict']
    content['state_dict'] = {f'backbone.{k}': v for k, v in state.items()}
    torch.save(content, pretrained)
    run = runner(init_cfg=dict(prefix='backbone.'))
    before = torch.get_rng_state()
    hook.before_train(run)
    assert torch.equal(torch.get_rng_state(), before)
