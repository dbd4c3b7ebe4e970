"""A view's part in the loader and its part on the device are a pair."""

import copy

import pytest

from cds_mm.config import leaf_configs, load_config
from cds_mm.config.mixed_views import check_done_once, doubtful_views
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


def leaf(name, **own):
    """A leaf whose first data set has some settings of one's own."""
    cfg = copy.deepcopy(load_config(str(CONFIGS / name)))
    leaf_configs(cfg.train_dataloader.dataset)[0].update(own)
    return cfg


def refusal(cfg):
    try:
        check_done_once(cfg)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ('name', 'drawn'),
    [
        ('cds_r50_in1k.py', 'AntialiasedResizedCrop'),
        ('cifar10/cds_r18_cifar10_folder.py', 'PaddedCrop'),
        ('semi/cds-semi_r18_folder.py', 'AntialiasedResizedCrop'),
    ],
)
def test_what_one_view_draws_for_two(name, drawn):
    cfg = leaf(name)
    dataset = leaf_configs(cfg.train_dataloader.dataset)[0]
    dataset['pipeline'] = cfg.one_view
    (line,) = doubtful_views(cfg)
    assert f'pipeline: {drawn} draws once for the 2 views' in line
    # Followed for either name.
    cfg.data_preprocessor.views = cfg.one_view_on_device['views']
    assert not [*doubtful_views(cfg)]
    dataset['pipeline'] = cfg.two_views
    cfg.data_preprocessor.views = cfg.two_views_on_device['views']
    assert not [*doubtful_views(cfg)]


OWN = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomCrop', crop_size=32, padding=4),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]


@pytest.mark.parametrize(
    'pipeline', [OWN, OWN[:1] + OWN[2:], 'one_view_plain']
)
@pytest.mark.parametrize('data', ['cifar100', 'cifar10_folder'])
def test_what_would_be_done_twice_is_refused(pipeline, data):
    folder = data.partition('_')[0]
    cfg = leaf(f'{folder}/baseline_r18_{data}.py')
    if isinstance(pipeline, str):
        pipeline = cfg[pipeline]
    cfg.train_dataloader.dataset.pipeline = pipeline
    said = refusal(cfg)
    assert 'in the loader and ' in said
    assert 'set data_preprocessor.views=None if the pipeline is' in said
    cfg.data_preprocessor.views = None  # as advised
    assert refusal(cfg) is None and not [*doubtful_views(cfg)]


def test_an_own_pipeline_under_the_operations_of_a_base():
    own = [
        dict(type='LoadRGBImage'),
        dict(type='Resize', scale=(224, 224)),
        dict(type='PackChannelsLast'),
    ]
    cfg = leaf('baseline_r50_in1k.py', pipeline=own)
    assert refusal(cfg) is None
    (line,) = doubtful_views(cfg)
    assert 'is not that of one_view' in line
    assert 'still done (HorizontalFlip); set data_preprocessor.views' in line
    cfg.data_preprocessor.views = None  # as advised
    assert not [*doubtful_views(cfg)]


def test_the_pipeline_of_a_base_without_its_operations_on_the_device():
    cfg = leaf('cds_r50_in1k.py')
    cfg.data_preprocessor.views = None
    (line,) = doubtful_views(cfg)
    assert 'HorizontalFlip, RGBColorJitter, RGBGrayscale to the dev' in line
    assert 'set data_preprocessor=_base_.two_views_on_device if' in line
    cfg.data_preprocessor.views = cfg.two_views_on_device.views
    assert not [*doubtful_views(cfg)]


def test_settings_within_a_pipeline_are_no_other_pipeline():
    cfg = leaf('cds_r50_in1k.py')
    cfg.train_dataloader.dataset.pipeline[0].on_error = 'skip'
    cfg.train_dataloader.dataset.pipeline[1].transforms[0][0].scale = 160
    assert refusal(cfg) is None and not [*doubtful_views(cfg)]


def test_own_operations_on_the_device_are_nobodys():
    cfg = leaf('baseline_r50_in1k.py')
    cfg.data_preprocessor.views = [[dict(type='RGBGrayscale', prob=0.1)]]
    assert refusal(cfg) is None and not [*doubtful_views(cfg)]
