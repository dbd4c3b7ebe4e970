"""GA-RetinaNet, whose predictions call an operation without stand-in."""

import pytest

from cds_mm import ops

HEAD = """
_base_ = ['{config}']
_one = dict(type='AnchorGenerator', ratios=[1.0], strides=[8, 16, 32, 64, 128])
_coder = dict(
    type='DeltaXYWHBBoxCoder',
    target_means=[0.0] * 4,
    target_stds=[0.07, 0.07, 0.14, 0.14],
)
_loc = dict(
    type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0
)
model = dict(
    bbox_head=dict(
        _delete_=True,
        type='GARetinaHead',
        num_classes=10,
        in_channels=16,
        feat_channels=16,
        stacked_convs=1,
        approx_anchor_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=4,
            scales_per_octave=3,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32, 64, 128],
        ),
        square_anchor_generator=dict(scales=[4], **_one),
        anchor_coder=_coder,
        bbox_coder=_coder,
        loc_filter_thr=0.01,
        loss_loc=_loc,
        loss_shape=dict(type='BoundedIoULoss', beta=0.2, loss_weight=1.0),
        loss_cls=dict(_loc),
        loss_bbox=dict(type='SmoothL1Loss', beta=0.04, loss_weight=1.0),
    ),
    train_cfg=dict(
        _delete_=True,
        ga_assigner=dict(
            type='ApproxMaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.4,
            min_pos_iou=0.4,
            ignore_iof_thr=-1,
        ),
        ga_sampler=dict(
            type='RandomSampler',
            num=256,
            pos_fraction=0.5,
            neg_pos_ub=-1,
            add_gt_as_proposals=False,
        ),
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.5,
            min_pos_iou=0.0,
            ignore_iof_thr=-1,
        ),
        sampler=dict(type='PseudoSampler'),
        allowed_border=-1,
        pos_weight=-1,
        center_ratio=0.2,
        ignore_ratio=0.5,
        debug=False,
    ),
)
train_cfg = dict(max_epochs=1)
"""


@pytest.fixture(scope='module')
def guided(detector_config, tmp_path_factory):
    if ops.status().state != 'stand-in':
        pytest.skip('MMCV has compiled operations here')
    path = tmp_path_factory.mktemp('guided') / 'ga.py'
    path.write_text(HEAD.format(config=detector_config))
    return path


def test_it_is_refused_before_its_first_step(command, guided, tmp_path):
    result = command('train', guided, '--work-dir', tmp_path)
    assert 'model.bbox_head.retina_cls (MaskedConv2d)' in result.error
    assert 'masked_im2col_forward' in result.error
    assert 'Epoch(train)' not in result.out
    assert not list(tmp_path.glob('*.pth'))


def test_without_validation_it_trains_as_the_error_says(
    command, guided, tmp_path
):
    argv = ['--no-validate', '--work-dir', tmp_path]
    result = command('train', guided, *argv).fine()
    assert (tmp_path / 'epoch_1.pth').is_file()
    # Said when it begins, and once more when it ends.
    said = 'validation and testing calls masked_im2col_forward'
    assert result.out.count(said) == 2
    checkpoint = tmp_path / 'epoch_1.pth'
    result = command('test', guided, checkpoint, '--work-dir', tmp_path / 't')
    assert 'model.bbox_head.retina_cls (MaskedConv2d): testing' in result.error
    assert 'Epoch(test)' not in result.out
