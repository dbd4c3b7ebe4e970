"""What configs of pipelines say of views and sizes."""

import pytest
from mmpretrain.datasets import RandomCrop

from cds_mm.config import (
    image_side,
    load_config,
    training_views,
    use_parity,
    views_of,
)
from cds_mm.data import SeededMultiView
from cds_mm.testing import CONFIGS


def training(dataset):
    return dict(train_dataloader=dict(dataset=dataset))


@pytest.mark.parametrize(
    'leaf, views, side',
    [
        ('baseline_r50_in1k.py', 1, 224),
        ('cds_r50_in1k.py', 2, 224),
        ('cifar10/cds_r18_cifar10_folder.py', 2, 32),
        ('kd/sskd_r18_cifar10_folder.py', 4, 32),
        ('kd/sskd_r18_in1k.py', 4, 224),
        ('finegrained/cds_r50_cub.py', 2, 224),
    ],
)
def test_leaves(leaf, views, side):
    cfg = load_config(str(CONFIGS / leaf))
    dataset = cfg.train_dataloader.dataset
    for wrapped in (
        dataset,
        dict(type='RepeatDataset', times=2, dataset=dataset),
        dict(type='ConcatDataset', datasets=[dataset, dataset]),
    ):
        whole = dict(cfg, train_dataloader=dict(dataset=wrapped))
        assert len(training_views(whole)) == views
        assert image_side(whole) == side
    use_parity(cfg)
    assert len(views_of(cfg.train_dataloader.dataset)) == views
    assert len(training_views(cfg)) == views
    assert image_side(cfg) == side


def test_the_last_size_counts():
    steps = [dict(type='Resize', scale=(9, 7)), dict(type='Flip')]
    assert image_side(training(dict(pipeline=steps))) == 9
    views = [[dict(type='Crop', crop_size=5)], [dict(type='Crop', scale=3)]]
    many = dict(type='SeededMultiView', transforms=views)
    assert image_side(training(dict(pipeline=[*steps, many]))) == 5
    assert views_of(dict(pipeline=[*steps, many]))[1][:2] == steps
    assert image_side(training(dict(pipeline=[dict(type='Flip')]))) is None
    assert image_side(training(dict(type='Own'))) is None
    assert image_side(dict(train_dataloader=None)) is None


def test_classes_may_stand_for_their_names():
    views = [[dict(type=RandomCrop, crop_size=5)]] * 2
    pipeline = [dict(type=SeededMultiView, transforms=views)]
    assert len(views_of(dict(pipeline=pipeline))) == 2
    assert image_side(training(dict(pipeline=pipeline))) == 5


def test_a_pipeline_that_is_used_several_times_gives_as_many_views():
    crop, flip = dict(type='Crop', crop_size=5), dict(type='Flip')
    for kind, counts, kinds in (
        ('SeededMultiView', [1, 3], ['Crop', 'Flip', 'Flip', 'Flip']),
        ('MultiView', 2, ['Crop', 'Crop']),
    ):
        transforms = [[crop], [flip]] if len(kinds) == 4 else [[crop]]
        step = dict(type=kind, transforms=transforms, num_views=counts)
        views = views_of(dict(pipeline=[step]))
        assert [view[0]['type'] for view in views] == kinds
