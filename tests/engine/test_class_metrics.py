"""Numbers of MMPretrain's metrics, before an epoch is trained."""

import pytest
from command_lines import CONFIG, tiny
from mmengine.config import Config

from cds_mm.engine.best_checkpoint import check_save_best
from cds_mm.engine.class_metrics import check_class_metrics
from cds_mm.errors import UserError


@pytest.mark.parametrize(
    'settings',
    [
        dict(topk=0),
        dict(topk=(1, -5)),
        dict(topk='one'),
        dict(topk=1.5),
        dict(thrs='hi'),
        dict(thrs=[0.1, 'hi']),
        dict(type='MultiLabelMetric', thr='hi'),
        dict(type='mmpretrain.SingleLabelMetric', thrs='hi'),
    ],
)
def test_numbers_that_are_none(settings):
    evaluator = dict(type='Accuracy') | settings
    key = next(key for key in settings if key != 'type')
    for given, where in ((evaluator, ''), ([dict(type='X'), evaluator], '.1')):
        cfg = Config(dict(val_evaluator=given))
        with pytest.raises(UserError) as caught:
            check_class_metrics(cfg, 'val')
        said = str(caught.value)
        assert said.startswith(f'val_evaluator{where}.{key}=')
        assert f'set val_evaluator{where}.{key}=' in said
    good = dict(evaluator, **{key: 1 if key == 'topk' else 0.5})
    check_class_metrics(Config(dict(val_evaluator=good)), 'val')


@pytest.mark.parametrize(
    'evaluator',
    [
        dict(type='Accuracy'),
        dict(type='Accuracy', topk=(1, 5), thrs=(None, 0.3)),
        dict(type='MultiLabelMetric', topk=1),
        dict(type='OtherMetric', topk=0, thrs='hi'),
        None,
    ],
)
def test_sound_metrics(evaluator):
    check_class_metrics(Config(dict(val_evaluator=evaluator)), 'val')


def test_the_best_of_metrics_of_labels():
    """The names are those that MMPretrain gives."""
    import mmpretrain.evaluation  # noqa: F401
    import torch
    from mmpretrain.registry import METRICS

    for kind, more in (
        ('SingleLabelMetric', {}),
        ('MultiLabelMetric', dict(thr=0.5)),
        ('MultiLabelMetric', dict(thr=0.7)),
        ('MultiLabelMetric', dict(topk=1, items=['recall'])),
    ):
        metric = METRICS.build(dict(type=kind, **more))
        score = torch.tensor([0.9, 0.1])
        sample = dict(pred_score=score, gt_label=torch.tensor([0]))
        sample['gt_score'] = torch.tensor([1, 0])
        metric.dataset_meta = None
        metric.process(None, [sample])
        names = metric.evaluate(1)
        settings = dict(type=kind, **more)
        for wanted in ('accuracy/top1', *names):
            hooks = dict(checkpoint=dict(save_best=wanted))
            cfg = Config(dict(val_evaluator=settings, default_hooks=hooks))
            if wanted in names:
                check_save_best(cfg)
                continue
            with pytest.raises(UserError, match='gives no such score') as said:
                check_save_best(cfg)
            advised = str(said.value).rpartition('=')[2]
            assert advised in names


def test_in_a_run(command, folder, tmp_path):
    settings = tiny(folder, val_evaluator__topk=0)
    error = command('train', CONFIG, '--work-dir', tmp_path, *settings).error
    assert 'val_evaluator.topk=0: ' in error
