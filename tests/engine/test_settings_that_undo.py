"""Settings that undo each other, said before the first step."""

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from cds_mm.engine.best_checkpoint import check_save_best
from cds_mm.engine.input_checks import (
    check_preprocessor,
    check_split_inputs,
    check_trained_input,
)
from cds_mm.engine.loop_checks import (
    check_loops,
    check_steps,
    warn_of_schedule,
)
from cds_mm.engine.optimizer_checks import (
    check_optimizer,
    warn_of_kept_weights,
    warn_of_unmatched_keys,
)
from cds_mm.errors import UserError
from cds_mm.run_warnings import forget_warnings, warnings_so_far


def refused(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def with_clip(**clip):
    wrapper = dict(optimizer=dict(type='SGD', lr=0.1), clip_grad=clip)
    return Config(dict(optim_wrapper=wrapper))


@pytest.mark.parametrize('bound', [0, -1, 0.0, float('nan'), '1', None])
def test_a_bound_of_the_gradient_that_stops_or_turns_it(bound):
    said = refused(check_optimizer, with_clip(max_norm=bound))
    assert said.startswith('optim_wrapper.clip_grad.max_norm=')
    said = refused(check_optimizer, with_clip(type='value', clip_value=bound))
    assert said.startswith('optim_wrapper.clip_grad.clip_value=')


def test_sound_bounds():
    check_optimizer(with_clip(max_norm=35, norm_type=2))
    check_optimizer(with_clip(max_norm=float('inf'), error_if_nonfinite=True))
    check_optimizer(with_clip(type='value', clip_value=1))


def test_a_setting_of_the_clip_that_torch_has_not():
    assert refused(check_optimizer, with_clip(maxnorm=1)).endswith(
        "did you mean 'max_norm'?"
    )


def test_a_rate_that_learns_nothing():
    one = dict(optimizer=dict(type='SGD', lr=0.0))
    check_optimizer(Config(dict(optim_wrapper=one)))
    (said,) = warnings_so_far()
    assert 'nothing would be learned' in said


@pytest.mark.parametrize('rate', [-0.1, float('nan')])
def test_a_rate_that_unlearns(rate):
    one = dict(optimizer=dict(type='SGD', lr=rate))
    assert 'optim_wrapper.optimizer.lr=' in refused(
        check_optimizer, Config(dict(optim_wrapper=one))
    )
    # As of a wrapper for each part of a model.
    both = dict(constructor='Parts', head=one)
    assert 'optim_wrapper.head.optimizer.lr=' in refused(
        check_optimizer, Config(dict(optim_wrapper=both))
    )


def paramwise(**settings):
    wrapper = dict(
        optimizer=dict(type='SGD', lr=0.1), paramwise_cfg=dict(settings)
    )
    return Config(dict(optim_wrapper=wrapper))


def test_settings_of_parameters_that_nothing_reads():
    said = refused(
        check_optimizer, paramwise(custom_keys=dict(a=dict(lr_mul=0.1)))
    )
    assert said == (
        'optim_wrapper.paramwise_cfg.custom_keys.a.lr_mul: nothing reads it; '
        "did you mean 'lr_mult'?"
    )
    said = refused(check_optimizer, paramwise(norm_decay_mul=0.0))
    assert said.endswith("did you mean 'norm_decay_mult'?")


def test_settings_of_parameters_for_other_code():
    # SimSiam's hook reads fix_lr; torch's SGD has momentum for each group.
    keys = dict(a=dict(fix_lr=True, momentum=0.5, lr_mult=2, decay_mult=0))
    check_optimizer(paramwise(custom_keys=keys, bias_lr_mult=2))
    other = paramwise(decay_rate=0.7)
    other.optim_wrapper.constructor = 'LearningRateDecayOptimizerConstructor'
    check_optimizer(other)


def test_keys_that_are_nearly_in_a_name():
    model = torch.nn.Module()
    model.backbone = torch.nn.Linear(2, 2)

    def warned(**keys):
        forget_warnings()
        warn_of_unmatched_keys(model, paramwise(custom_keys=keys))
        return warnings_so_far()

    once = dict(lr_mult=0.1)
    assert warned(bakcbone=once) == [
        'optim_wrapper.paramwise_cfg.custom_keys.bakcbone: in no '
        "parameter's name; did you mean 'backbone'?"
    ]
    assert warned(backbone=once) == []
    # For networks that have it, as in the recipes of Swin.
    assert warned(absolute_pos_embed=once) == []


def test_keys_that_keep_random_weights():
    model = torch.nn.Module()
    model.backbone = torch.nn.Linear(2, 3)

    def warned(rate, **more):
        forget_warnings()
        cfg = paramwise(custom_keys=dict(backbone=dict(lr_mult=rate)))
        cfg.model = dict(backbone=dict(more))
        warn_of_kept_weights(model, cfg)
        return warnings_so_far()

    (said,) = warned(0)
    assert 'keeps 6 weights at random values' in said
    assert not warned(0.1)
    init = dict(type='Pretrained', checkpoint='a.pth')
    assert not warned(0, init_cfg=init)


LOOP = dict(max_epochs=10)


def schedule(*schedulers, loop=EpochBasedTrainLoop, length=10, steps=100):
    """What is said of schedulers of a run of ten epochs or iterations."""
    made = loop.__new__(loop)
    made._max_epochs, made._max_iters = length, length * steps
    if loop is IterBasedTrainLoop:
        made._max_iters = length
    runner = SimpleNamespace(
        train_loop=made, logger=logging.getLogger('schedule')
    )
    forget_warnings()
    warn_of_schedule(runner, Config(dict(param_scheduler=list(schedulers))))
    return warnings_so_far()


MULTI = dict(type='MultiStepLR', milestones=[3, 8])
WARM = dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=500)


@pytest.mark.parametrize(
    'schedulers',
    [
        [MULTI],
        [WARM, MULTI],
        [dict(type='CosineAnnealingLR', T_max=10)],
        [dict(type='WarmUpCosineLR', T_max=10, warm_up=2)],
        [dict(type='CosineAnnealingLR', T_max=8, begin=2, end=10)],
        [dict(type='CosineAnnealingLR', begin=5)],
        [dict(type='PolyLR', power=0.9)],
        [WARM],  # and a constant rate
        [dict(type='ConstantLR', factor=1.0)],
        [dict(type='StepLR', step_size=30)],
        [],
    ],
)
def test_schedules_of_this_length(schedulers):
    assert schedule(*schedulers) == []


@pytest.mark.parametrize(
    'scheduler',
    [
        dict(type='MultiStepLR', milestones=[30, 60]),
        dict(type='MultiStepLR', milestones=[8, 11]),
        dict(type='CosineAnnealingLR', T_max=90),
        dict(type='CosineAnnealingLR', T_max=90, end=90),
        dict(type='WarmUpCosineLR', T_max=90, warm_up=2),
        dict(WARM, end=1001),
        dict(WARM, end=11, by_epoch=True),
    ],
)
def test_schedules_of_a_longer_run(scheduler):
    (said,) = schedule(scheduler)
    assert said.startswith('param_scheduler.0: ') and 'the run ends at' in said


def test_a_cosine_that_is_flat_after_its_end():
    (said,) = schedule(dict(type='WarmUpCosineLR', T_max=4, warm_up=2))
    assert said.startswith('param_scheduler.0: ')


def test_schedules_of_a_shorter_run():
    (said,) = schedule(WARM, dict(type='MultiStepLR', milestones=[2, 4]))
    assert said.startswith(
        'param_scheduler.1: MultiStepLR ends at epoch 4 of 10'
    )


def test_schedules_of_a_loop_by_iteration():
    by = dict(loop=IterBasedTrainLoop, length=400)
    assert schedule(dict(WARM, end=100), **by) == []
    (said,) = schedule(WARM, **by)
    assert 'iteration 500' in said and 'ends at 400' in said


@pytest.mark.parametrize(
    'settings',
    [
        dict(max_epochs=0),
        dict(max_epochs=-1),
        dict(max_iters=0),
        dict(max_epochs=2, val_interval=0),
        dict(max_epochs='two'),
    ],
)
def test_numbers_of_a_loop_that_are_none(settings):
    said = refused(check_loops, Config(dict(train_cfg=settings)), ('train',))
    assert said.startswith('train_cfg.')


def with_loader(split, **settings):
    return Config({'train_cfg': LOOP, f'{split}_dataloader': settings})


def test_loops_that_never_end():
    endless = dict(sampler=dict(type='InfiniteSampler'))
    for split in ('train', 'val', 'test'):
        cfg = with_loader(split, **endless)
        assert 'DefaultSampler' in refused(check_loops, cfg, (split,))
    by_iteration = with_loader('train', **endless)
    by_iteration.train_cfg = dict(by_epoch=False, max_iters=5)
    check_loops(by_iteration, ('train',))
    by_iteration.train_cfg = dict(type='IterBasedTrainLoop', max_iters=5)
    check_loops(by_iteration, ('train',))


def test_scores_over_a_part_of_the_images():
    for split in ('val', 'test'):
        cfg = with_loader(split, drop_last=True)
        assert refused(check_loops, cfg, (split,)).endswith(
            f'set {split}_dataloader.drop_last=False'
        )
    check_loops(with_loader('train', drop_last=True), ('train',))


def test_an_epoch_without_a_step():
    dataset = torch.utils.data.TensorDataset(torch.zeros(3))
    cfg = with_loader('train', batch_size=4, drop_last=True)

    def runner(size):
        loader = torch.utils.data.DataLoader(dataset, size, drop_last=True)
        return SimpleNamespace(train_dataloader=loader)

    assert 'batch_size=4' in refused(check_steps, runner(4), cfg)
    check_steps(runner(3), cfg)


def best(name, *evaluators):
    hooks = dict(checkpoint=dict(save_best=name))
    return Config(dict(default_hooks=hooks, val_evaluator=list(evaluators)))


ACCURACY = dict(type='Accuracy', topk=(1, 5))
COCO = dict(type='mmdet.CocoMetric', metric=['bbox', 'segm'])


@pytest.mark.parametrize(
    'name, evaluators, like',
    [
        ('bbox_mAP', [COCO], 'coco/bbox_mAP'),
        ('coco/bbox_mAP50', [COCO], 'coco/bbox_mAP_50'),
        ('top1', [ACCURACY], 'accuracy/top1'),
        ('accuracy/top5', [dict(ACCURACY, topk=1)], 'accuracy/top1'),
        (['auto', 'accuracy/topp1'], [ACCURACY], 'accuracy/top1'),
        ('coco/bbox_mAP', [dict(COCO, prefix='val')], 'val/bbox_mAP'),
    ],
)
def test_a_best_of_no_score(name, evaluators, like):
    cfg = best(name, *evaluators)
    said = refused(check_save_best, cfg)
    assert said.endswith(f'set default_hooks.checkpoint.save_best={like}')
    cfg.default_hooks.checkpoint.save_best = like
    check_save_best(cfg)


@pytest.mark.parametrize(
    'name, evaluator',
    [
        ('anything', dict(type='MyMetric')),
        ('coco/cow_precision', dict(COCO, classwise=True)),
        ('coco/AR@100', dict(COCO, metric='proposal')),
        ('accuracy/top1_thr-0.50', dict(ACCURACY, thrs=(0.5, None))),
        ('auto', ACCURACY),
        (None, ACCURACY),
    ],
)
def test_a_best_that_may_be_there(name, evaluator):
    check_save_best(best(name, evaluator))


RGB, BGR = (dict(type=f'Load{kind}') for kind in ('RGBImage', 'ImageFromFile'))


def test_loaders_of_two_orders():
    def cfg(train, val):
        return Config(
            dict(
                train_dataloader=dict(dataset=dict(pipeline=[train])),
                val_dataloader=dict(dataset=dict(pipeline=[val])),
            )
        )

    assert 'val_dataloader: its images are BGR' in refused(
        check_split_inputs, cfg(RGB, BGR), ('train', 'val')
    )
    check_split_inputs(cfg(RGB, RGB), ('train', 'val'))
    check_split_inputs(cfg(BGR, BGR), ('train', 'val'))
    unknown = dict(type='LoadMyImage')
    check_split_inputs(cfg(RGB, unknown), ('train', 'val'))


def test_a_preprocessor_that_hides_another():
    cfg = Config(
        dict(
            data_preprocessor=dict(mean=[1, 1, 1], std=[2, 2, 2]),
            model=dict(data_preprocessor=dict(to_rgb=False)),
        )
    )
    assert refused(check_preprocessor, cfg).endswith(
        'set data_preprocessor.to_rgb'
    )
    whole = dict(mean=[0, 0, 0], std=[1, 1, 1])
    cfg.model.data_preprocessor = whole
    check_preprocessor(cfg)
    cfg.model.data_preprocessor = dict(type='SelfSupDataPreprocessor')
    check_preprocessor(cfg)


def run_of(order=RGB, **preprocessor):
    loader = dict(dataset=dict(pipeline=[order, dict(type='Pack')]))
    return Config(
        dict(
            load_from='a.pth',
            model=dict(type='Net', head=dict(scale=4)),
            data_preprocessor=dict(
                dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0]), **preprocessor
            ),
            train_dataloader=loader,
            test_dataloader=loader,
        )
    )


META = dict(cfg=run_of().pretty_text)


def test_a_test_that_sees_other_images_than_the_training():
    check_trained_input(run_of(), META)
    said = refused(check_trained_input, run_of(mean=[0, 0, 0]), META)
    assert said.endswith('set data_preprocessor.mean="[1.0,2.0,3.0]"')
    said = refused(check_trained_input, run_of(std=[1, 1, 1]), META)
    assert said.endswith('set data_preprocessor.std="[4.0,5.0,6.0]"')
    turned = run_of(BGR)
    said = refused(check_trained_input, turned, META)
    assert 'set data_preprocessor.to_rgb=True' in said
    turned.data_preprocessor.to_rgb = True
    check_trained_input(turned, META)


def test_a_test_of_a_checkpoint_of_others():
    check_trained_input(run_of(mean=[0, 0, 0]), {})
    check_trained_input(run_of(mean=[0, 0, 0]), dict(cfg='img_norm = 3'))


def test_a_test_of_another_model_is_warned_of(caplog):
    cfg = run_of()
    cfg.model.head.scale = 8
    cfg.model.test_cfg = dict(score_thr=0.1)
    check_trained_input(cfg, META)
    (said,) = warnings_so_far()
    assert said.startswith('model.head.scale is 8 and was 4 in the config')
