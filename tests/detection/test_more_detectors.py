"""Mask R-CNN, DINO and Pascal VOC: each trains, is verified and judged.

On tiny data, with thin networks, from a converted backbone.
"""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from mmdet.evaluation import VOCMetric
from mmengine.registry import init_default_scope
from PIL import Image

from cds_mm.checkpoint import BackboneRecord
from cds_mm.checkpoint.fingerprints import fingerprint
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.config import load_config
from cds_mm.testing import fresh_seed

SIDE = 96
CLASSES = ('cat', 'dog')
NECK = 'neck=dict(in_channels=[32, 64, 128, 256], out_channels=16)'
ROI = """
    {neck},
    rpn_head=dict(in_channels=16, feat_channels=16),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=16),
        bbox_head=dict(
            in_channels=16, fc_out_channels=16, num_classes={classes}
        ),
        {mask}
    ),
    test_cfg=dict(rcnn=dict(score_thr=0.0)),
"""
MASK = """
        mask_roi_extractor=dict(out_channels=16),
        mask_head=dict(
            in_channels=16, conv_out_channels=16, num_convs=1, num_classes=2
        ),
"""
DINO = """
    num_queries=20,
    neck=dict(in_channels=[64, 128, 256]),
    encoder=dict(num_layers=1),
    decoder=dict(num_layers=2),
    bbox_head=dict(num_classes=2),
    test_cfg=dict(max_per_img=20),
"""
MODEL = """
_base_ = 'cds_mm::detection/{leaf}.py'
model = dict(
    backbone=dict(
        base_channels=8,
        stem_channels=8,
        init_cfg=dict(checkpoint='{backbone}'),
    ),
    {parts}
)
"""
SMALL = """
def _small(steps, side=({side}, {side})):
    kept = []
    for step in steps:
        if step.type in ('RandomChoice', 'Resize'):
            step = dict(type='Resize', scale=side, keep_ratio=True)
        kept.append(step)
    return kept
_pipeline = _small(_base_.train_pipeline)
_judged = _small(_base_.test_pipeline)
"""
COCO = """
_data = dict(data_root='{root}/', ann_file='all.json',
             data_prefix=dict(img=''), metainfo=dict(classes={classes}))
_loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(dataset=dict(pipeline=_pipeline, **_data), **_loader)
val_dataloader = dict(dataset=dict(pipeline=_judged, **_data), **_loader)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='{root}/all.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
"""
VOC = """
_sets = _base_.train_dataloader.dataset.dataset.datasets
for _one in _sets:
    _one.data_root = '{root}/'
    _one.pipeline = _pipeline
train_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(times=1, dataset=dict(datasets=_sets)),
)
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root='{root}/', pipeline=_judged),
)
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1)
"""
VOC_CLASSES = (
    'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog '
    'horse motorbike person pottedplant sheep sofa train tvmonitor'
).split()


@pytest.fixture(scope='module')
def backbone(tmp_path_factory):
    """A file as the converter writes it, of a thin ResNet-50."""
    torch.manual_seed(fresh_seed())
    record = BackboneRecord(
        backbone=dict(
            type='ResNet', depth=50, base_channels=8, stem_channels=8
        ),
        channel_order='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    )
    source = random_backbone(record, 'it')
    values = record.to_dict() | dict(fingerprint=fingerprint(source, record))
    path = tmp_path_factory.mktemp('backbone') / 'backbone.pth'
    content = dict(state_dict=source.state_dict(), meta={'cds_mm': values})
    torch.save(content, path)
    return path


def picture(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    """Four images in COCO's format, with masks."""
    root = tmp_path_factory.mktemp('scenes')
    rng = np.random.default_rng(fresh_seed())
    images, annotations = [], []
    for number in range(4):
        name = f'{number}.png'
        picture(root / name, rng)
        images.append(dict(id=number, file_name=name, width=SIDE, height=SIDE))
        for category in range(2):
            x, y = (int(v) for v in rng.integers(0, SIDE // 2, 2))
            w = h = SIDE // 3
            corners = [x, y, x + w, y, x + w, y + h, x, y + h]
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=category,
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                    segmentation=[corners],
                )
            )
    categories = [dict(id=i, name=name) for i, name in enumerate(CLASSES)]
    content = dict(
        images=images, annotations=annotations, categories=categories
    )
    (root / 'all.json').write_text(json.dumps(content))
    return root


def write_annotation(path, boxes):
    entry = ET.Element('annotation')
    size = ET.SubElement(entry, 'size')
    for key, value in (('width', SIDE), ('height', SIDE), ('depth', 3)):
        ET.SubElement(size, key).text = str(value)
    for name, sides in boxes:
        thing = ET.SubElement(entry, 'object')
        ET.SubElement(thing, 'name').text = name
        ET.SubElement(thing, 'difficult').text = '0'
        box = ET.SubElement(thing, 'bndbox')
        corners = zip(('xmin', 'ymin', 'xmax', 'ymax'), sides, strict=True)
        for key, value in corners:
            ET.SubElement(box, key).text = str(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ET.tostring(entry))


@pytest.fixture(scope='module')
def devkit(tmp_path_factory):
    """VOCdevkit with two images a set; all classes are in each."""
    root = tmp_path_factory.mktemp('VOCdevkit')
    rng = np.random.default_rng(fresh_seed())
    for year, splits in (
        ('VOC2007', ('trainval', 'test')),
        ('VOC2012', ('trainval',)),
    ):
        for first, split in enumerate(splits):
            names = [f'{first}{number:05}' for number in range(2)]
            for name in names:
                picture(root / year / 'JPEGImages' / f'{name}.jpg', rng)
                corners = rng.integers(1, SIDE - 40, (20, 2)).tolist()
                boxes = [
                    (kind, (x, y, x + 35, y + 38))
                    for kind, (x, y) in zip(VOC_CLASSES, corners, strict=True)
                ]
                write_annotation(
                    root / year / 'Annotations' / f'{name}.xml', boxes
                )
            listed = root / year / 'ImageSets/Main' / f'{split}.txt'
            listed.parent.mkdir(parents=True, exist_ok=True)
            listed.write_text('\n'.join(names))
    return root


LEAVES = {
    'mask-rcnn_r50-cds_fpn_1x_coco': (
        ROI.format(neck=NECK, classes=2, mask=MASK),
        COCO,
        ('coco/bbox_mAP', 'coco/segm_mAP'),
    ),
    'dino-4scale_r50-cds_8xb2-12e_coco': (DINO, COCO, ('coco/bbox_mAP',)),
    'faster-rcnn_r50-cds_fpn_1x_voc0712': (
        ROI.format(neck=NECK, classes=20, mask=''),
        VOC,
        ('pascal_voc/mAP', 'pascal_voc/AP50'),
    ),
}


@pytest.mark.parametrize('leaf', LEAVES)
def test_it_trains_is_verified_and_judged(
    leaf, command, backbone, scenes, devkit, tmp_path
):
    parts, data, scores = LEAVES[leaf]
    root = devkit if 'voc' in leaf else scenes
    config = tmp_path / 'mine.py'
    config.write_text(
        MODEL.format(leaf=leaf, backbone=backbone, parts=parts)
        + SMALL.format(side=SIDE)
        + data.format(root=root, classes=CLASSES)
    )
    work = tmp_path / 'work'
    run = command('train', config, '--work-dir', work).fine()
    assert 'verified, the backbone computes what was trained' in run.out
    log = [
        json.loads(line)
        for path in work.glob('*/vis_data/scalars.json')
        for line in path.read_text().splitlines()
    ]
    assert any('loss' in line for line in log)
    for score in scores:
        assert any(score in line for line in log), score
    if data == VOC:  # its data take another way through the checks
        command('check_data', config).fine()
        # Another backbone in the file is noticed.
        other = command(
            'train',
            config,
            *('--work-dir', tmp_path / 'other', '--cfg-options'),
            'model.backbone.style=caffe',
        )
        assert 'style' in other.error


def test_the_score_of_voc_is_that_by_hand(devkit):
    """11 points: precision 1 up to a recall of 1/2, 2/3 up to 1."""
    cfg = load_config('cds_mm::detection/faster-rcnn_r50-cds_fpn_1x_voc0712')
    init_default_scope('mmdet')
    settings = dict(cfg.test_evaluator)
    assert settings.pop('type') == 'VOCMetric'
    settings.pop('_scope_', None)
    metric = VOCMetric(**settings)
    metric.dataset_meta = dict(
        classes=tuple(VOC_CLASSES), dataset_type='VOC2007'
    )
    boxes = torch.tensor(
        [[10.0, 10, 50, 50], [60, 60, 90, 90], [10, 60, 40, 90]]
    )
    truth = dict(bboxes=boxes[[0, 1]], labels=torch.tensor([0, 0]))
    found = dict(
        bboxes=boxes[[0, 2, 1]],
        scores=torch.tensor([0.9, 0.8, 0.7]),
        labels=torch.tensor([0, 0, 0]),
    )
    sample = dict(
        gt_instances=truth,
        ignored_instances=dict(
            bboxes=torch.zeros(0, 4), labels=torch.zeros(0)
        ),
        pred_instances=found,
    )
    metric.process({}, [sample])
    score = metric.evaluate(1)['pascal_voc/mAP']
    alone = (6 * 1 + 5 * 2 / 3) / 11
    # The mean is over the classes that have objects.
    assert score == pytest.approx(alone, abs=0.001)
