"""How many views a model needs is compared with what the data gives."""

from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm.config import load_config, training_views
from cds_mm.config.python_text import assignments
from cds_mm.config.view_settings import view_settings
from cds_mm.errors import UserError
from cds_mm.hooks import LoaderCheckHook
from cds_mm.supervision.needed_views import check_views
from cds_mm.testing import CONFIGS


def model_of(cfg):
    """The parts of a model that say what it needs, without the network."""
    named = cfg.model.get('supervisions') or {}
    built = {name: MODELS.build(dict(part)) for name, part in named.items()}
    return type(cfg.model.type, (), dict(supervisions=built))()


def refusal(cfg):
    try:
        check_views(model_of(cfg), cfg)
    except UserError as error:
        return str(error)
    return None


def leaf(name, **settings):
    options = {key.replace('__', '.'): v for key, v in settings.items()}
    return load_config(str(CONFIGS / name), options)


def with_views(cfg, name):
    """The config with the views of this name in its base."""
    cfg.train_dataloader.dataset.pipeline = cfg[name]
    cfg.data_preprocessor.views = cfg[f'{name}_on_device'].views
    return cfg


METHODS = [
    'baseline_r50_in1k.py',
    'cds_r50_in1k.py',
    'cds_r50_in1k_350e-autoaug.py',
    'cifar100/dsn_r18_cifar100.py',
    'cifar100/cds_r18_cifar100.py',
    'semi/cds-semi_r18_cifar100_10pct.py',
    'kd/cds-kd_r18_cifar10_folder.py',
    'kd/sskd_r18_cifar100.py',
    'kd/sskd-teacher_r34_in1k_30e.py',
    'representation/supcon_r18_cifar100_1000e.py',
    'representation/byol_r50_in1k_pretrain-1000e.py',
    'representation/byol_r18_folder.py',
]


@pytest.mark.parametrize('name', METHODS)
def test_a_leaf_has_what_its_method_needs(name):
    assert refusal(leaf(name)) is None


@pytest.mark.parametrize(
    ('name', 'needs'),
    [
        ('cds_r50_in1k.py', 'supervision cds needs 2'),
        ('semi/cds-semi_r18_cifar100_10pct.py', 'supervision cds needs 2'),
        ('kd/cds-kd_r18_cifar100.py', 'supervision cds needs 2'),
        ('kd/sskd_r18_cifar100.py', 'supervision rotations needs 4'),
        (
            'kd/sskd-teacher_r34_in1k_30e.py',
            'supervision rotations needs 4',
        ),
        (
            'representation/supcon_r18_cifar100_1000e.py',
            'supervision supcon needs 2',
        ),
        ('representation/byol_r50_folder.py', 'model BYOL needs 2'),
    ],
)
def test_the_line_to_paste_gives_as_many(name, needs, tmp_path):
    """Following the advice, as it is printed, is what the leaf has."""
    start = f"_base_ = '{CONFIGS / name}'\n"
    given = assignments(view_settings('one_view'))
    if 'byol' in name:  # its preprocessor has no views
        given = given[:1]
    one = ''.join(f'{line}\n' for line in given)
    path = tmp_path / 'own.py'
    path.write_text(start + one)
    pasted = tmp_path / 'pasted.py'
    pasted.write_text(f"_base_ = '{path}'\n")
    said = refusal(Config.fromfile(pasted))
    assert needs in said and 'the data gives 1; ' in said
    lines = said.partition('add to the config: ')[2].split('; ')
    pasted.write_text('\n'.join([f"_base_ = '{path}'", *lines]))
    followed = Config.fromfile(pasted)
    assert refusal(followed) is None
    MODELS.build(dict(followed.data_preprocessor))
    assert training_views(followed) == training_views(leaf(name))


def test_the_advice_leaves_what_a_config_sets_of_its_data(tmp_path):
    """A second line for the loader would undo the first, in silence."""
    path = tmp_path / 'own.py'
    start = f"_base_ = '{CONFIGS / 'cds_r50_in1k.py'}'\n"
    own = (
        'train_dataloader = dict(batch_size=7, dataset=dict('
        "data_root='mine', pipeline=_base_.{0}))\n"
        'data_preprocessor = _base_.{0}_on_device\n'
    )
    path.write_text(start + own.format('one_view'))
    assert refusal(Config.fromfile(path)).endswith(
        'the data gives 1; set train_dataloader.dataset.pipeline='
        '_base_.two_views and data_preprocessor=_base_.two_views_on_device '
        'in the config, within what it sets of them'
    )
    path.write_text(start + own.format('two_views'))
    followed = Config.fromfile(path)
    assert refusal(followed) is None
    assert followed.train_dataloader.batch_size == 7
    dumped = tmp_path / 'dumped.py'
    cfg = with_views(leaf('cds_r50_in1k.py'), 'one_view')
    cfg.dump(dumped)
    assert refusal(Config.fromfile(dumped)).endswith(
        'use a pipeline with as many views (SeededMultiView)'
    )


def test_each_of_joined_data_sets_is_asked():
    cfg = leaf('cds_r50_in1k.py')
    two = cfg.train_dataloader.dataset
    one = dict(two, pipeline=[*two.pipeline[:1], *two.pipeline[2:]])
    joined = dict(type='ConcatDataset', datasets=[two, one])
    cfg.train_dataloader.dataset = joined
    cfg.data_preprocessor.views = None
    assert 'needs 2 views of each image, the data gives 1' in refusal(cfg)
    joined['datasets'] = [two, two]
    cfg.train_dataloader.dataset = joined
    assert refusal(cfg) is None


def test_views_of_one_place_alone_are_refused():
    cfg = leaf('baseline_r50_in1k.py')
    cfg.train_dataloader.dataset.pipeline = cfg.two_views
    assert refusal(cfg).startswith(
        'data_preprocessor.views: operations for 1 views, but the loader '
        'gives 2; '
    )
    cfg.data_preprocessor = {  # as advised
        **cfg.data_preprocessor,
        **cfg.two_views_on_device,
    }
    assert refusal(cfg) is None


def test_what_is_in_no_base_is_described():
    cfg = leaf('cds_r50_in1k.py', model__supervisions__cds__num_views=3)
    assert refusal(cfg) == (
        'train_dataloader.dataset.pipeline: supervision cds needs 3 views of '
        'each image, the data gives 2; use a pipeline with as many views '
        '(SeededMultiView)'
    )


def test_the_line_names_the_data_set_inside_of_a_wrapper():
    cfg = leaf('cds_r50_in1k.py')
    inner = with_views(cfg, 'one_view').train_dataloader.dataset
    repeated = dict(type='RepeatDataset', times=2, dataset=inner)
    cfg.train_dataloader.dataset = repeated
    said = 'set train_dataloader.dataset.dataset.pipeline=_base_.two_views'
    assert said in refusal(cfg)
    joined = dict(type='ConcatDataset', datasets=[inner, inner])
    cfg.train_dataloader.dataset = joined
    assert refusal(cfg).endswith('as many views (SeededMultiView)')


def test_every_launcher_asks():
    """The hook that all configs have is the first to look at a training."""
    cfg = leaf('cifar100/cds_r18_cifar100.py')
    assert cfg.custom_hooks[0].type == 'LoaderCheckHook'
    with_views(cfg, 'one_view')
    runner = SimpleNamespace(model=model_of(cfg), cfg=cfg)
    with pytest.raises(UserError, match='needs 2 views.*_base_.two_views'):
        LoaderCheckHook().before_train(runner)


def test_who_has_no_data_of_its_own_is_not_asked():
    cfg = leaf('cds_r50_in1k.py')
    model = model_of(cfg)
    for loader in (None, {}, dict(dataset=None)):
        check_views(model, Config(dict(train_dataloader=loader)))


def test_a_later_view_needs_those_before_it():
    kd = dict(type='LogitDistillation', views=(1, 3))
    cfg = leaf('cds_r50_in1k.py')
    cfg.model.supervisions = dict(kd=kd)
    assert 'supervision kd needs at least 4 views' in refusal(cfg)
    with_views(cfg, 'four_rotations')
    assert refusal(cfg) is None
