"""The channel order that a network sees, from configs and modules."""

import pytest
from mmengine.config import Config

from cds_mm.config.network_input import (
    loader_order,
    network_order,
    pipeline_order,
)

CV2 = {'type': 'LoadImageFromFile'}
OURS = {'type': 'LoadRGBImage'}
FLIP = {'type': 'RandomFlip'}
TO_PIL = {'type': 'NumpyToPIL', 'to_rgb': True}
TO_NUMPY = {'type': 'PILToNumpy', 'to_bgr': True}


@pytest.mark.parametrize(
    ('pipeline', 'order'),
    [
        ([CV2, FLIP], 'bgr'),
        ([OURS, FLIP], 'rgb'),
        ([FLIP], 'rgb'),
        ([{'type': 'mmpretrain.LoadImageFromFile'}], 'bgr'),
        ([CV2, TO_PIL], 'rgb'),
        ([CV2, TO_PIL, TO_NUMPY], 'bgr'),
        ([CV2, {'type': 'NumpyToPIL', 'to_rgb': False}], 'bgr'),
        ([{'type': 'LoadTiffImage'}], None),
        ([CV2, {'type': 'LoadAnnotations'}], 'bgr'),
        ([{'type': 'MultiView', 'transforms': [[CV2], [OURS]]}], 'bgr'),
        ([{'type': 'RandomApply', 'transforms': [TO_PIL]}], 'bgr'),
    ],
)
def test_pipelines(pipeline, order):
    assert pipeline_order(pipeline) == order


def test_class_in_place_of_a_name():
    from mmcv.transforms import LoadImageFromFile

    assert pipeline_order([{'type': LoadImageFromFile}]) == 'bgr'


def test_wrapped_data_sets():
    inner = {'type': 'CocoDataset', 'pipeline': [CV2]}
    for wrapped in (
        inner,
        {'type': 'RepeatDataset', 'dataset': inner},
        {'type': 'ConcatDataset', 'datasets': [inner, inner]},
        {'type': 'A', 'dataset': {'type': 'B', 'datasets': [inner]}},
    ):
        cfg = Config({'train_dataloader': {'dataset': wrapped}})
        assert loader_order(cfg) == 'bgr'


def test_test_pipeline_where_there_is_no_training():
    data = {'dataset': {'pipeline': [OURS]}}
    assert loader_order({'test_dataloader': data}) == 'rgb'
    assert loader_order({}) == 'bgr'


def test_preprocessors():
    import mmdet.models
    import mmpretrain.models

    modules = mmpretrain.models, mmdet.models
    pretrain = modules[0].ClsDataPreprocessor
    selfsup = modules[0].SelfSupDataPreprocessor
    detect = modules[1].DetDataPreprocessor
    for flips in (
        {'to_rgb': True},
        {'bgr_to_rgb': True},
        pretrain(to_rgb=True),
        selfsup(to_rgb=True),
        detect(bgr_to_rgb=True),
        detect(rgb_to_bgr=True),
    ):
        assert network_order('bgr', flips) == 'rgb'
        assert network_order('rgb', flips) == 'bgr'
        assert network_order(None, flips) is None
    for keeps in ({}, {'to_rgb': False}, pretrain(), detect()):
        assert network_order('bgr', keeps) == 'bgr'
