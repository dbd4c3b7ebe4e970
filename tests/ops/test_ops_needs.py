"""The table of classes that call an operation without stand-in."""

import importlib
from functools import cache

import pytest
import torch
from mmengine.hub import get_config
from op_references import Source
from torch import nn

from cds_mm.ops import standin
from cds_mm.ops.needs import NEEDS, SUPPRESSIONS, Missing, missing_ops

# For point clouds, which no config of MMDetection has.
POINT_CLOUDS = {
    'group_points',
    'points_sampler',
    'roiaware_pool3d',
    'roipoint_pool3d',
    'scatter_points',
    'sparse_conv',
    'sparse_modules',
    'sparse_pool',
    'voxelize',
}


@cache
def mmcv_ops():
    return Source('mmcv.ops')


def without_stand_in(module, name):
    return mmcv_ops().compiled(module, name) - set(standin.PROVIDED)


def is_layer(module, name):
    found = getattr(importlib.import_module(module), name, None)
    return isinstance(found, type) and issubclass(found, nn.Module)


def test_every_layer_of_mmcv_is_in_the_table():
    reached = {
        f'{module}.{name}': without_stand_in(module, name)
        for module, name in mmcv_ops().names()
        if module.rpartition('.')[2] not in POINT_CLOUDS
        and without_stand_in(module, name)
        and is_layer(module, name)
    }
    known = {name for name in NEEDS if name.startswith('mmcv.')}
    # Its operation is there, but for pooling by maximum.
    assert known - set(reached) == {'mmcv.ops.roi_align.RoIAlign'}
    assert set(reached) <= known
    for name, ops in reached.items():
        assert NEEDS[name].op in ops


def test_everything_in_mmdetection_that_calls_one_is_in_the_table():
    source = Source('mmdet', 'mmcv.ops')
    users = set()
    for module, name in source.names():
        imported = source.imports(module)
        for mentioned in source.mentions(module, name) & set(imported):
            package, original = imported[mentioned]
            if not package.startswith('mmcv.ops'):
                continue
            ops = without_stand_in(package, original)
            if ops and not is_layer(package, original):
                users.add(f'{module}.{name}')
                assert NEEDS[f'{module}.{name}'].op in ops
    known = {name for name in NEEDS if name.startswith('mmdet.')}
    assert users == known


def test_the_suppressions_are_all_that_a_config_can_name():
    unknown = {
        name
        for module, name in mmcv_ops().names()
        if module == 'mmcv.ops.nms' and without_stand_in(module, name)
    }
    assert unknown == set(SUPPRESSIONS)


def test_the_table_names_classes_that_exist():
    for name in NEEDS:
        module, _, kind = name.rpartition('.')
        assert isinstance(getattr(importlib.import_module(module), kind), type)


def stock(config):
    """The model of a config of MMDetection, without memory for weights."""
    from mmdet.registry import MODELS

    model = get_config(f'mmdet::{config}').model
    model.backbone.init_cfg = None
    model._scope_ = 'mmdet'
    with torch.device('meta'):
        return MODELS.build(model)


BOTH = ('training', 'prediction')
STOCK = {
    'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py': [],
    'dyhead/atss_r50_fpn_dyhead_1x_coco.py': [],
    'guided_anchoring/ga-retinanet_r50_fpn_1x_coco.py': [
        Missing(
            'bbox_head.retina_cls',
            'MaskedConv2d',
            'masked_im2col_forward',
            ('prediction',),
        )
    ],
    'pisa/faster-rcnn_r50_fpn_pisa_1x_coco.py': [
        Missing(
            'roi_head.bbox_sampler',
            'ScoreHLRSampler',
            'nms_match',
            ('training',),
        )
    ],
    'carafe/faster-rcnn_r50_fpn-carafe_1x_coco.py': [
        Missing(
            'neck.upsample_modules.0', 'CARAFEPack', 'carafe_forward', BOTH
        )
    ],
    'dcn/faster-rcnn_r50_fpn_dpool_1x_coco.py': [
        Missing(
            'roi_head.bbox_roi_extractor.roi_layers.0',
            'DeformRoIPoolPack',
            'deform_roi_pool_forward',
            BOTH,
        )
    ],
}


@pytest.mark.parametrize('config', STOCK)
def test_stock_detectors(config):
    assert missing_ops(stock(config), standin.PROVIDED) == STOCK[config]


def test_nothing_is_missing_where_the_operation_is_provided():
    from mmcv.ops import MaskedConv2d

    layer = MaskedConv2d(1, 1, 1)
    assert missing_ops(layer, standin.PROVIDED)
    assert not missing_ops(layer, ['masked_im2col_forward'])


def test_pooling_by_maximum():
    from mmcv.ops import RoIAlign

    def op(**more):
        pool = RoIAlign(3, **more)
        return [one.op for one in missing_ops(pool, standin.PROVIDED)]

    assert op() == []
    assert op(pool_mode='max') == ["roi_align with pool_mode='max'"]
    assert op(pool_mode='max', use_torchvision=True) == []


def test_a_norm_in_evaluation_mode_takes_no_statistics():
    from mmcv.ops import SyncBatchNorm

    norm = SyncBatchNorm.__new__(SyncBatchNorm)
    nn.Module.__init__(norm)
    norm.track_running_stats = True
    assert [one.op for one in missing_ops(norm, standin.PROVIDED)] == [
        'sync_bn_forward_mean'
    ]
    assert not missing_ops(norm.eval(), standin.PROVIDED)


def test_subclasses_hidden_teachers_and_lists_are_found():
    from mmcv.ops import MaskedConv2d

    class Mine(MaskedConv2d):
        pass

    class Teacher(nn.Module):
        def __init__(self, student):
            super().__init__()
            self.layer = Mine(1, 1, 1)
            # Outside of the layers, and in a circle.
            object.__setattr__(self, 'student', student)

    model = nn.Sequential()
    object.__setattr__(model, 'teacher', Teacher(model))
    (found,) = missing_ops(model, standin.PROVIDED)
    assert (found.place, found.kind) == ('teacher.layer', 'Mine')


def test_suppressions_in_configs():
    model = nn.Module()
    model.test_cfg = dict(rcnn=dict(nms=dict(type='nms_rotated')))
    model.train_cfg = [dict(rpn_proposal=dict(nms=dict(type='soft_nms')))]
    (found,) = missing_ops(model, standin.PROVIDED)
    assert found == Missing(
        'test_cfg', "nms.type='nms_rotated'", 'nms_rotated', ('prediction',)
    )
    model.train_cfg[0]['rpn_proposal']['nms']['type'] = 'nms_quadri'
    phases = [one.phases for one in missing_ops(model, standin.PROVIDED)]
    assert sorted(phases) == [('prediction',), ('training',)]
