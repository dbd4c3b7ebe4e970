"""What cannot be built is named by the key that it stands under."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS, VISUALIZERS, DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.arguments import basic_mismatch
from cds_mm.config import apply_options, load_config
from cds_mm.engine.build import build_runner, build_training
from cds_mm.engine.checkpoint_hook import check_checkpoint_hook
from cds_mm.engine.readable_errors import readable_errors
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS

FOLDER = CONFIGS / 'cifar10' / 'cds_r18_cifar10_folder.py'


def optimizer(cfg):
    return build_optim_wrapper(nn.Linear(2, 2), cfg.optim_wrapper)


def hooks(cfg):
    return [HOOKS.build(hook) for hook in cfg.custom_hooks]


def loader(cfg):
    return Runner.build_dataloader(cfg.train_dataloader)


def visualizer(cfg):
    return VISUALIZERS.build(dict(cfg.visualizer, save_dir='/nowhere/x'))


def model(cfg):
    return MODELS.build(cfg.model)


def run(cfg):
    """All that a runner builds, with its schedules and first weights."""
    runner = build_runner(cfg)
    build_training(runner, cfg)
    runner.param_schedulers = runner.build_param_scheduler(
        runner.param_schedulers
    )
    runner._init_model_weights()


@pytest.fixture
def error_of(folder):
    def run(build, options):
        cfg = load_config(str(FOLDER))
        data = {'train_dataloader.dataset.data_root': str(folder)}
        apply_options(cfg, data | options)
        with (
            DefaultScope.overwrite_default_scope('mmpretrain'),
            pytest.raises(UserError) as error,
            readable_errors(cfg),
        ):
            build(cfg)
        text = str(error.value)
        assert '\n' not in text and text.startswith(f'config {FOLDER}: ')
        return text.removeprefix(f'config {FOLDER}: ')

    return run


CDS = 'model.supervisions.cds'


@pytest.mark.parametrize(
    'build, options, said',
    [
        (model, {f'{CDS}.temperature': 'hot'},
         f"{CDS}.temperature='hot': must be a number above 0"),
        (model, {f'{CDS}.weight': -1},
         f'{CDS}.weight=-1: must be a number from 0 on'),
        (model, {f'{CDS}.temprature': 1}, f'{CDS} cannot be built'),
        (model, {f'{CDS}.temprature': 1}, f'did you mean {CDS}.temperature?'),
        (model, {'model.head.num_classes': 'ten'},
         "model.head.num_classes='ten' must be a whole number"),
        (model, {'model.backbone.base_channels': -8},
         'model.backbone cannot be built'),
        (model, {'model.backbone.depth': 19}, 'model.backbone cannot be'),
        (model, {'model.backbone.type': 'ResNet_CIFARR'},
         "did you mean type='ResNet_CIFAR'?"),
        (model, {'model.branches.stage1.head':
                 dict(type='ProjectionHead', hidden='wide')},
         "model.branches.stage1.head.hidden='wide': must be"),
        (optimizer, {'optim_wrapper.optimizer.lr': 'fast'},
         "optim_wrapper.optimizer.lr='fast' must be a number"),
        (optimizer, {'optim_wrapper.optimizer.momentun': 0.9},
         'did you mean optim_wrapper.optimizer.momentum?'),
        (optimizer, {'optim_wrapper.accumulative_counts': 'two'},
         'optim_wrapper cannot be built'),
        (hooks, {'custom_hooks.6.window': 'long'},
         "custom_hooks[6].window='long': must be a whole number"),
        (loader, {'train_dataloader.batch_size': 0}, 'train_dataloader can'),
        (loader, {'train_dataloader.sampler.shufle': True},
         'did you mean train_dataloader.sampler.shuffle?'),
        (loader, {'train_dataloader.dataset.pipeline.0.on_eror': 'skip'},
         'did you mean train_dataloader.dataset.pipeline[0].on_error?'),
        (loader, {'train_dataloader.splitt': 'train'},
         'did you mean train_dataloader.dataset.split?'),
        (loader, {'train_dataloader.batch_sizee': 3},
         'did you mean train_dataloader.batch_size?'),
        (loader, {'train_dataloader.dataset.ann_filee': 'x'},
         'did you mean train_dataloader.dataset.ann_file?'),
        (loader, {'train_dataloader.dataset.pipeline.1.prb': 1},
         'pipeline[1] takes transforms, num_views'),
        (model, {'model.backbone.norm_evall': True},
         'did you mean model.backbone.norm_eval?'),
        (optimizer, {'optim_wrapper.paramwise_cfgs': {}},
         'did you mean optim_wrapper.paramwise_cfg?'),
        (hooks, {'custom_hooks.0.prioritty': 3},
         'did you mean custom_hooks[0].priority?'),
    ],
)  # fmt: skip
def test_the_key_is_named(error_of, build, options, said):
    assert said in error_of(build, options)


ALSO = pytest.mark.slow


# What the host builds without a registry, or late.
@pytest.mark.parametrize(
    'key, value, said',
    [
        ('train_cfg.max_epoch', 5, 'did you mean train_cfg.max_epochs?'),
        ('param_scheduler.milestone', [3], 'param_scheduler.milestones?'),
        ('model.backbone.init_cfg', dict(type='Pretrained', checkpiont='x'),
         'did you mean model.backbone.init_cfg.checkpoint?'),
        ('default_hooks.checkpointt.interval', 2,
         'did you mean default_hooks.checkpoint?'),
        ('model.backbone.init_cfg.checkpoint', 'x',
         'set model.backbone.init_cfg.type'),
        pytest.param('val_cfg.fpp16', True, 'val_cfg.fp16?', marks=ALSO),
        pytest.param('randomness.sead', 1, 'randomness.seed?', marks=ALSO),
        pytest.param('log_processor.windowsize', 1,
                     'log_processor.window_size?', marks=ALSO),
        pytest.param('env_cfg.mp_cfg.mp_start_methodd', 'fork',
                     'env_cfg.mp_cfg.mp_start_method?', marks=ALSO),
    ],
)  # fmt: skip
def test_parts_without_a_type(error_of, key, value, said, folder, tmp_path):
    more = {'work_dir': str(tmp_path), 'launcher': 'none'}
    for split in ('train', 'val', 'test'):
        more[f'{split}_dataloader.dataset.data_root'] = str(folder)
    assert said in error_of(run, more | {key: value})


def test_an_argument_of_the_checkpoint_hook():
    cfg = load_config(str(FOLDER))
    hook = cfg.default_hooks.checkpoint
    check_checkpoint_hook(cfg)
    for kind in (hook.type, 'CheckpointHook'):
        hook.type, hook.intervall = kind, 2
        with pytest.raises(UserError) as error:
            check_checkpoint_hook(cfg)
        meant = 'did you mean default_hooks.checkpoint.interval?'
        assert meant in str(error.value)
        # What it says, and what the host hands on to the saving.
        hook.interval = hook.pop('intervall')
        hook.update(save_param_scheduler=True, max_keep_ckpts=1, priority=3)
        check_checkpoint_hook(cfg)


@pytest.mark.parametrize('interval', ['half', 0.5, None, True])
def test_an_interval_of_checkpoints_that_is_none(interval):
    cfg = load_config(str(FOLDER))
    cfg.default_hooks.checkpoint.interval = interval
    with pytest.raises(UserError, match='checkpoint.interval=.*whole number'):
        check_checkpoint_hook(cfg)


def test_a_tracker_that_is_not_installed(folder, error_of, monkeypatch):
    import sys

    from mmengine.visualization import Visualizer

    monkeypatch.setitem(sys.modules, 'wandb', None)
    cfg = load_config(str(FOLDER))
    apply_options(cfg, {'visualizer.vis_backends.1.type': 'WandbVisBackend'})
    with pytest.raises(UserError) as error, readable_errors(cfg):
        shown = Visualizer(vis_backends=cfg.visualizer.vis_backends,
                           save_dir='/tmp')  # fmt: skip
        shown.add_config(cfg)
    text = str(error.value)
    assert text.startswith('visualizer.vis_backends[1]: WandbVisBackend')
    assert 'pip install wandb' in text and '\n' not in text


def test_a_fault_of_the_program_keeps_its_traceback():
    cfg = load_config(str(FOLDER))
    with pytest.raises(RuntimeError, match='a bug'), readable_errors(cfg):
        raise RuntimeError('a bug')


def test_what_is_known_already_is_passed_on():
    cfg = load_config(str(FOLDER))
    with pytest.raises(UserError, match='^known$'), readable_errors(cfg):
        raise UserError('known')


def test_hints_of_others():
    assert basic_mismatch(float | torch.Tensor, 'fast') == 'a number'
    assert basic_mismatch(int, '3') == 'a whole number'
    assert basic_mismatch(str, True) == 'a text'
    for hint, value in (
        (float, 3), (int, True), (str, 'x'), (torch.device, 'cpu'),
        (int | None, None), (float, None), (tuple, 'x'),
    ):  # fmt: skip
        assert not basic_mismatch(hint, value)
