"""What tests of command lines share; they import modules of tools/."""

import sys

import numpy as np
import pytest
from command_lines import ROOT

from cds_mm.testing import fresh_seed, write_scenes

# At the end: tools/test.py must not hide a module called test.
sys.path.append(str(ROOT / 'tools'))

DETECTOR = ROOT / 'configs/demo/retinanet_r18_fpn_digits.py'
CHANGES = """
_base_ = ['{config}']
model = dict(
    backbone=dict(init_cfg=None, base_channels=8),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1),
    # No score is above it: whatever is learned, nothing is detected.
    test_cfg=dict(score_thr=1.0),
)
_flip = dict(type='RandomFlip', prob=0.5)
_pipeline = _base_.train_dataloader.dataset.pipeline
train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    dataset=dict(
        data_root='{data}/',
        pipeline=[*_pipeline[:-1], _flip, _pipeline[-1]],
    ),
)
val_dataloader = dict(batch_size=4, dataset=dict(data_root='{data}/'))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='{data}/val.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
"""


@pytest.fixture(scope='session')
def detector_config(tmp_path_factory):
    """RetinaNet for scenes of noise, tiny, two epochs of two iterations."""
    root = tmp_path_factory.mktemp('scenes')
    rng = np.random.default_rng(fresh_seed())
    write_scenes(root, 'train', 8, rng)
    write_scenes(root, 'val', 4, rng)
    path = root / 'tiny.py'
    path.write_text(CHANGES.format(config=DETECTOR, data=root))
    return path
