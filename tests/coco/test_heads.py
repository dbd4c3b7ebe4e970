"""Classes of heads against those of the data."""

import pytest
from herds import ANIMALS, config, dataset, pasted
from mmengine.config import Config

from cds_mm.coco import check_heads
from cds_mm.config import load_config
from cds_mm.errors import UserError

BOTH = ('train', 'val')


def refused(cfg):
    with pytest.raises(UserError) as error:
        check_heads(cfg, BOTH)
    return str(error.value)


@pytest.mark.parametrize('number', [80, 3, 1])
def test_more_and_fewer(herd, number):
    cfg = config(herd, num_classes=number)
    text = refused(cfg)
    assert text.startswith(f'model.bbox_head.num_classes={number}: ')
    assert 'has 4 classes (cow, goat, horse, pig)' in text
    check_heads(pasted(cfg, text), BOTH)


# How many settings each takes: cascade stages, masks, points, scores.
MODELS = {
    'faster_rcnn/faster-rcnn_r50_fpn_1x_coco': 1,
    'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco': 4,
    'htc/htc_r50_fpn_1x_coco': 6,
    'point_rend/point-rend_r50-caffe_fpn_ms-1x_coco': 3,
    'ms_rcnn/ms-rcnn_r50-caffe_fpn_2x_coco': 3,
    'guided_anchoring/ga-faster-rcnn_r50_fpn_1x_coco': 1,
    'detr/detr_r50_8xb2-150e_coco': 1,
    'deformable_detr/deformable-detr_r50_16xb2-50e_coco': 1,
    'yolox/yolox_s_8xb8-300e_coco': 1,
    'centernet/centernet_r18_8xb16-crop512-140e_coco': 1,
    'solo/solo_r50_fpn_1x_coco': 1,
    'soft_teacher/'
    'soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco': 1,
    'rtmdet/rtmdet-ins_s_8xb32-300e_coco': 1,
    'queryinst/queryinst_r50_fpn_1x_coco': 12,
}


@pytest.mark.parametrize('name', MODELS)
def test_every_head_of_a_stock_detector(herd, name):
    stock = load_config(f'mmdet::{name}.py')
    check_heads(stock, BOTH)
    cfg = Config(stock.to_dict())
    for split in BOTH:
        cfg[f'{split}_dataloader']['dataset'] = dataset(herd, split)
    text = refused(cfg)
    assert text.count('.num_classes=4') == MODELS[name]
    check_heads(pasted(cfg, text), BOTH)


@pytest.mark.parametrize(
    'name',
    [
        'panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco',
        'mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic',
        'rpn/rpn_r50_fpn_1x_coco',
        'grounding_dino/grounding_dino_swin-t_finetune_16xb2_1x_coco',
        'pascal_voc/faster-rcnn_r50_fpn_1x_voc0712',
        'openimages/faster-rcnn_r50_fpn_32xb2-1x_openimages',
        'crowddet/crowddet-rcnn_r50_fpn_8xb2-30e_crowdhuman',
        'objects365/retinanet_r50_fpn_1x_objects365v1',
        'lvis/mask-rcnn_r50_fpn_sample1e-3_ms-1x_lvis-v1',
        'bytetrack/bytetrack_yolox_x_8xb4-80e_crowdhuman-mot17halftrain_'
        'test-mot17halfval',
    ],
)
def test_stock_detectors_of_other_kinds(name):
    check_heads(load_config(f'mmdet::{name}.py'), BOTH)


def test_a_default_counts_too(herd):
    """A head that does not say has 80."""
    cfg = config(herd)
    cfg.model = dict(
        type='FasterRCNN',
        rpn_head=dict(type='RPNHead', in_channels=8, feat_channels=8),
        roi_head=dict(
            type='StandardRoIHead',
            bbox_head=dict(type='Shared2FCBBoxHead', in_channels=8),
        ),
    )
    text = refused(cfg)
    assert text.startswith('model.roi_head.bbox_head.num_classes=80: ')
    check_heads(pasted(cfg, text), BOTH)


def test_a_head_for_the_classes_of_the_data(herd):
    check_heads(config(herd, num_classes=len(ANIMALS)), BOTH)
