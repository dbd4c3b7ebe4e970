"""What ``--cfg-options`` sets, refuses and says."""

import argparse
import ast
import inspect
import random
import string

import pytest
from mmengine.config import Config, DictAction
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from cds_mm.commands.options import add_cfg_options
from cds_mm.config import (
    apply_options,
    check_complete,
    check_kinds,
    load_config,
    option_value,
    warn_of_slips,
)
from cds_mm.config.unread import READ, RUNNER
from cds_mm.errors import UserError
from cds_mm.run_warnings import warnings_so_far
from cds_mm.testing import CONFIGS, fresh_seed

FOLDER = CONFIGS / 'cifar10' / 'cds_r18_cifar10_folder.py'


def options(*argv):
    parser = argparse.ArgumentParser()
    add_cfg_options(parser)
    return parser.parse_args(['--cfg-options', *argv]).cfg_options


def config(*argv, name=FOLDER):
    cfg = load_config(str(name))
    apply_options(cfg, options(*argv))
    return cfg


def refused(*argv, name=FOLDER):
    with pytest.raises(UserError) as error:
        config(*argv, name=name)
    assert '\n' not in str(error.value)
    return str(error.value)


def some_value(rng, depth=2):
    if depth and rng.random() < 0.4:
        items = [some_value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
        opening, closing = rng.choice(['[]', '()'])
        return f'{opening}{",".join(items)}{closing}'
    return rng.choice(
        [
            str(rng.randint(-9, 9)),
            repr(rng.uniform(-1, 1)),
            '1e-3',
            'True',
            'false',
            'None',
            '/data/images-2/x.pth',
            'mmdet.ResNet',
            ''.join(rng.choices(string.ascii_letters, k=3)),
        ]
    )


def test_values_are_those_of_the_host():
    rng = random.Random(fresh_seed())
    for _ in range(300):
        text = some_value(rng)
        assert repr(option_value(text)) == repr(
            DictAction._parse_iterable(text)
        ), text
    for text in ('1,2,x', '"(0,9)"', "'[a,b]'", '', '()', '[(1,2),(3,)]'):
        wanted = DictAction._parse_iterable(text)
        assert repr(option_value(text)) == repr(wanted), text
    spaced = '[ (1, 2), a , 0.5 ]'
    assert option_value(spaced) == DictAction._parse_iterable(spaced)


def test_values_that_the_host_gets_wrong():
    assert option_value('/my data/the images') == '/my data/the images'
    assert option_value("('0', '1')") == ('0', '1'), 'names of classes'
    assert option_value("['a, b', 'c d']") == ['a, b', 'c d']
    given = option_value("dict(type='X', lr=-1e-3, betas=(.9, .95), a=None)")
    assert given == dict(type='X', lr=-1e-3, betas=(0.9, 0.95), a=None)
    assert option_value("[dict(type='A'), {'type': B, 'on': true}]") == [
        dict(type='A'),
        dict(type='B', on=True),
    ]
    for broken in ("dict(type='A'", '(1,2', 'a,b]', 'dict(3)', "{'a': f(1)}"):
        with pytest.raises(UserError) as error:
            option_value(broken)
        assert '\n' not in str(error.value)


def test_the_option_is_named():
    assert 'model.x: dict(' in refused("model.x=dict(type='A'")
    assert 'no value; write key=value' in refused('model.x')


# As people write them who come from MMClassification 0.x, or slip.
@pytest.mark.parametrize(
    'given, meant',
    [
        ('optimizer.lr=0.001', 'optim_wrapper.optimizer.lr'),
        ('lr=0.1', 'optim_wrapper.optimizer.lr'),
        ('runner.max_epochs=7', 'train_cfg.max_epochs'),
        ('data.samples_per_gpu=4', 'train_dataloader.batch_size'),
        ('optim_wraper.optimizer.lr=0.01', 'optim_wrapper.optimizer.lr'),
        ('trian_cfg.max_epochs=7', 'train_cfg.max_epochs'),
        ('train_dataloder.batch_size=2', 'train_dataloader.batch_size'),
        ('backbone.depth=50', 'model.backbone.depth'),
        ('seed=3', 'randomness.seed'),
        ('auto_scale_lr.enabled=True', 'auto_scale_lr.enable'),
        ('env_cfg.cudnn_benchmrk=True', 'env_cfg.cudnn_benchmark'),
        ('resume_from=x.pth', '--resume FILE'),
        ('wrok_dir=x', 'work_dir'),
    ],
)
def test_a_new_key_that_nothing_reads(given, meant):
    key = given.partition('=')[0]
    assert refused(given) == (
        f'--cfg-options {key}: nothing reads it; did you mean {meant}? (a key '
        'of your own has to stand in the config file)'
    )
    if not meant.startswith('--'):  # and what it says can be set
        config(f'{meant}={given.partition("=")[2]}')
    assert not warnings_so_far()


def test_a_slip_in_a_dict_for_keys_of_all_kinds():
    key = 'train_dataloader.dataset.metainfo'
    assert f'did you mean {key}.classes?' in refused(f'{key}.clases=a,b')
    config(f'{key}.classes=a,b')
    config(f'{key}.source=here')
    config(f'{key}.palettes_by_day=1')


def test_a_number_where_there_is_no_list():
    said = refused('val_evaluator.0.topk=1')
    assert "no list but one 'Accuracy': leave 0 out" in said
    config('val_evaluator.topk=1')


def test_a_key_without_a_like_and_one_of_the_users_own(tmp_path):
    assert 'nothing reads it (a key of' in refused('zebra.stripes=4')
    own = tmp_path / 'own.py'
    own.write_text(f"_base_ = '{FOLDER}'\nzebra = dict(stripes=1)\n")
    assert config('zebra.stripes=4', name=own).zebra.stripes == 4


def test_what_is_read_and_new_is_let_through():
    cfg = config(
        'experiment_name=x',
        'find_unused_parameters=True',
        'auto_scale_lr.base_batch_size=64',
        'env_cfg.resource_limit=99',
        'compile=True',
        'model.backbone.frozen_stages=1',
    )
    assert cfg.experiment_name == 'x' and not warnings_so_far()


def test_variables_of_a_file_are_no_settings_any_more():
    config('train_pipeline.1.with_bbox=True', name='mmdet::_base_/datasets/'
           'coco_detection.py')  # fmt: skip
    (said,) = warnings_so_far()
    assert 'changes nothing; set train_dataloader.dataset.pipeline.1' in said


def test_the_keys_of_the_runner_are_those_of_the_host():
    arguments = set(inspect.signature(Runner.__init__).parameters)
    source = inspect.getsource(inspect.getmodule(Runner))
    asked = {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ('cfg.get', 'self.cfg.get')
        and isinstance(node.args[0], ast.Constant)
    }
    assert (arguments | asked) - {'self', 'cfg'} == RUNNER


def test_slips_in_a_config_file():
    cfg = Config(
        dict(model={}, optim_wraper={}, custom_hook=[], val_evaluator_abs={})
    )
    warn_of_slips(cfg)
    said = ' '.join(warnings_so_far())
    assert len(warnings_so_far()) == 2
    assert "mean 'optim_wrapper'" in said and "mean 'custom_hooks'" in said


# The variables at the top level of all configs of MMDetection 3.3 and
# MMPretrain 1.2, those that come near one of the Runner's keys.
HELPERS = (
    'dataset_type data_root backend_args img_scale img_scales max_epochs '
    'base_lr train_pipeline test_pipeline tta_pipeline vis_backends optimizer '
    'norm_cfg conv_cfg data metrics val_evaluator_abs val_evaluator_BCCD '
    'val_dataset_full train_dataset query_dataloader gallery_dataloader '
    'max_epoch max_iters train_ann test_ann runner fp16 resume_from gpu_ids '
    'optimizer_config cudnn_benchmark dataset_version interval policies'
).split()


def test_variables_of_the_hosts_configs_are_left_in_peace():
    for name in ('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
                 'mmpretrain::resnet/resnet50_8xb32_in1k.py'):  # fmt: skip
        warn_of_slips(load_config(name))
    warn_of_slips(Config(dict.fromkeys(HELPERS, 1)))
    for path in CONFIGS.rglob('*folder*.py'):
        warn_of_slips(load_config(str(path)))
    assert not warnings_so_far() and not set(HELPERS) - READ - set(HELPERS)


@pytest.mark.parametrize(
    'given',
    [
        [
            'optim_wrapper.optimizer._delete_=True',
            'optim_wrapper.optimizer.type=AdamW',
            'optim_wrapper.optimizer.lr=0.001',
        ],
        [  # in another order
            'optim_wrapper.optimizer.type=AdamW',
            'optim_wrapper.optimizer.lr=0.001',
            'optim_wrapper.optimizer._delete_=True',
        ],
        [
            "optim_wrapper.optimizer=dict(_delete_=True, type='AdamW', "
            'lr=0.001)'
        ],
        [
            "optim_wrapper=dict(optimizer=dict(_delete_=True, type='AdamW',"
            'lr=0.001))'
        ],
    ],
)
def test_delete(given):
    cfg = config(*given)
    assert cfg.optim_wrapper.optimizer == dict(type='AdamW', lr=0.001)
    assert '_delete_' not in cfg.pretty_text


def test_delete_in_a_list_and_of_a_part_that_others_share():
    step = 'train_dataloader.dataset.pipeline.0'
    cfg = config(f'{step}._delete_=True', f'{step}.type=LoadImageFromFile')
    assert cfg.train_dataloader.dataset.pipeline[0] == dict(
        type='LoadImageFromFile'
    )
    before = load_config(str(FOLDER))
    cfg = config('val_dataloader.dataset._delete_=True')
    assert cfg.val_dataloader.dataset == {}
    assert cfg.test_dataloader == before.test_dataloader
    cfg = config('val_dataloader.dataset._delete_=False')
    assert cfg.val_dataloader == before.val_dataloader


def test_settings_are_merged_as_the_host_merges():
    given = options(
        'model.backbone.depth=34',
        'model.backbone.norm_cfg.eps=0.1',
        'model.supervisions.cds.weight=2',
        "model.head=dict(num_classes=7, loss=dict(type='X'))",
        'train_dataloader.dataset.pipeline.0.on_error=skip',
        'val_evaluator.topk=(1,)',
        'param_scheduler=[]',
        'custom_hooks.0.type=EMAHook',
    )
    ours, host = load_config(str(FOLDER)), load_config(str(FOLDER))
    apply_options(ours, given)
    for key, value in given.items():
        host.merge_from_dict({key: value})
    assert ours.to_dict() == host.to_dict()
    assert type(ours.model.head.loss) is type(host.model.head.loss)


def test_places_that_are_not_there():
    assert '10 has no x' in refused('model.head.num_classes.x=1')
    assert 'numbers 0 to' in refused('custom_hooks.99.type=EMAHook')
    assert 'numbers 0 to' in refused('custom_hooks.last.type=EMAHook')


def test_hooks_and_imports_by_option(tmp_path, monkeypatch):
    cfg = config("custom_hooks=[dict(type='EMAHook', momentum=0.1)]")
    check_kinds(cfg)
    assert cfg.custom_hooks == [dict(type='EMAHook', momentum=0.1)]
    (tmp_path / 'own_of_a_test.py').write_text('import os\nos.marker = 7\n')
    assert 'own_of_a_test' in refused('custom_imports.imports=own_of_a_test')
    monkeypatch.syspath_prepend(tmp_path)
    import os

    config("custom_imports=dict(imports=['own_of_a_test'])")
    assert os.__dict__.pop('marker') == 7


@pytest.mark.parametrize(
    'given, said',
    [
        ('custom_hooks=EMAHook', 'custom_hooks=EMAHook: must be a list'),
        ('custom_hooks=[EMAHook]', 'must be a list'),
        ('optim_wrapper=SGD', 'optim_wrapper=SGD: must be a dict'),
        ('param_scheduler=CosineAnnealingLR', 'must be a list'),
        ('val_evaluator=Accuracy', 'must be a list'),
        ('resume=epoch_3.pth', 'a file goes to --resume'),
        ('load_from=1', 'must be a text'),
        ('train_dataloader.dataset=None', 'dataset=None: must be a dict'),
        ('val_dataloader.dataset=/tmp/x', 'dataset=/tmp/x: must be a dict'),
        ('test_dataloader.dataset.pipeline=None', 'must be a list'),
        ('optim_wrapper.optimizer=AdamW', 'AdamW: must be a dict'),
        ("val_evaluator=['Accuracy']", 'val_evaluator.0=Accuracy: must be a'),
    ],
)
def test_kinds(given, said):
    with pytest.raises(UserError) as error:
        check_kinds(config(given))
    assert said in str(error.value) and '\n' not in str(error.value)
    check_kinds(load_config(str(FOLDER)))


@pytest.mark.parametrize('part', ['dataloader', 'evaluator', 'cfg'])
def test_a_split_has_all_of_its_parts_or_none(part):
    cfg = load_config(str(FOLDER))
    check_complete(cfg)
    cfg[f'val_{part}'] = None
    with pytest.raises(UserError, match=f'val_{part} is missing.*--no-val'):
        check_complete(cfg)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    check_complete(cfg)
    cfg[f'test_{part}'] = None
    with pytest.raises(UserError, match=f'test_{part} is missing'):
        check_complete(cfg)


def test_a_branch_of_a_stage_that_another_backbone_lacks():
    given = ['model.backbone.out_indices=(1,2,3)']
    model = MODELS.build(config(*given).model)
    assert [*model.branches] == ['stage2', 'stage3', 'stage4']
    given.append('model.branches.stage1.tower.type=IdentityTower')
    with pytest.raises(UserError) as error:
        MODELS.build(config(*given).model)
    (setting,) = str(error.value).split()[-1:]
    assert setting == 'model.branches.stage1=None'
    model = MODELS.build(config(*given, setting).model)
    assert [*model.branches] == ['stage2', 'stage3', 'stage4']
