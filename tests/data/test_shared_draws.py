"""Views that the device makes of one drawn image are warned of."""

import pytest
from mmpretrain.registry import DATASETS

from cds_mm.config import device_views, load_config
from cds_mm.data.built_loader import shared_draws
from cds_mm.testing import CONFIGS


def lines_of(cfg):
    pipeline = cfg.train_dataloader.dataset.pipeline
    dataset = DATASETS.build(
        dict(
            type='CustomDataset',
            data_root='.',
            pipeline=pipeline,
            lazy_init=True,
        )
    )
    return [*shared_draws(dataset, len(device_views(cfg)))]


@pytest.mark.parametrize(
    'name',
    [
        'cds_r50_in1k.py',
        'baseline_r50_in1k.py',
        'cifar100/cds_r18_cifar100.py',
        'cifar10/cds_r18_cifar10_folder.py',
        'kd/sskd_r18_cifar100.py',
        'kd/sskd_r18_in1k.py',
        'representation/supcon_r18_cifar100_1000e.py',
        'representation/byol_r50_folder.py',
    ],
)
def test_no_leaf_is_warned_of(name):
    assert not lines_of(load_config(str(CONFIGS / name)))


@pytest.mark.parametrize(
    ('name', 'drawn'),
    [
        ('cds_r50_in1k.py', 'AntialiasedResizedCrop'),
        ('cifar10/cds_r18_cifar10_folder.py', 'PaddedCrop'),
    ],
)
def test_what_one_view_draws_for_two(name, drawn):
    cfg = load_config(str(CONFIGS / name))
    cfg.train_dataloader.dataset.pipeline = cfg.one_view
    (line,) = lines_of(cfg)
    assert f'pipeline: {drawn} draws once for the 2 views' in line
    # Followed for either name.
    cfg.data_preprocessor.views = cfg.one_view_on_device['views']
    assert not lines_of(cfg)
    cfg.train_dataloader.dataset.pipeline = cfg.two_views
    cfg.data_preprocessor.views = cfg.two_views_on_device['views']
    assert not lines_of(cfg)
