"""Whole detectors of MMDetection over whatever operations are in use."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.hub import get_config
from mmengine.structures import InstanceData

from cds_mm.testing import fresh_seed

SIDE = 128


def detector(config):
    """The published detector with a thin ResNet-18 and random weights."""
    model = get_config(config).model
    model.backbone.update(
        depth=18, base_channels=8, init_cfg=None, frozen_stages=-1
    )
    model.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    model._scope_ = 'mmdet'
    if model.type == 'FasterRCNN':
        model.rpn_head.update(in_channels=16, feat_channels=16)
        model.roi_head.bbox_roi_extractor.out_channels = 16
        head = model.roi_head.bbox_head
        head.update(in_channels=16, fc_out_channels=32, num_classes=3)
        model.test_cfg.rcnn.score_thr = 0.0
    else:
        model.bbox_head.update(
            in_channels=16, feat_channels=16, stacked_convs=1, num_classes=3
        )
        model.test_cfg.score_thr = 0.0
    return MODELS.build(model)


def batch():
    samples = []
    for _ in range(2):
        corners = torch.rand(3, 2) * SIDE / 2
        sizes = torch.rand(3, 2) * SIDE / 3 + 16
        truth = InstanceData(
            bboxes=torch.cat([corners, corners + sizes], dim=1),
            labels=torch.randint(3, (3,)),
        )
        shape = (SIDE, SIDE)
        meta = dict(img_shape=shape, ori_shape=shape, pad_shape=shape)
        meta['scale_factor'] = (1.0, 1.0)
        samples.append(DetDataSample(metainfo=meta, gt_instances=truth))
    return torch.randn(2, 3, SIDE, SIDE), samples


@pytest.mark.parametrize('narrow', [False, True])
@pytest.mark.parametrize(
    'config',
    [
        'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
        'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    ],
)
def test_loss_backward_predict(config, narrow, request):
    if narrow:
        request.getfixturevalue('standin_only')
    torch.manual_seed(fresh_seed())
    model = detector(config)
    images, samples = batch()
    autocast = torch.autocast('cpu', dtype=torch.bfloat16, enabled=narrow)

    model.train()
    with autocast:
        losses = model.loss(images, samples)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert model.backbone.conv1.weight.grad.abs().sum() > 0

    model.eval()
    with torch.no_grad(), autocast:
        results = model.predict(images, samples)
    found = results[0].pred_instances
    assert 0 < len(found) <= 100
    assert found.bboxes.min() >= 0
    assert found.bboxes.max() <= SIDE
    assert torch.equal(found.scores, found.scores.sort(descending=True)[0])


def test_roi_features_reach_the_backbone():
    """The gradient through RoIAlign alone, without that of the RPN."""
    torch.manual_seed(fresh_seed())
    model = detector('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py')
    model.train()
    losses = model.loss(*batch())
    losses['loss_cls'].backward()
    assert model.rpn_head.rpn_cls.weight.grad is None
    assert model.backbone.conv1.weight.grad.abs().sum() > 0
