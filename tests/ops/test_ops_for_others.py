"""``cds_mm.ops`` for users of MMDetection, with nothing else of ours."""

import json
import sys

import numpy as np
import pytest
from command_lines import run_fresh
from PIL import Image

from cds_mm import ops

# As they start it: their launcher, whose first lines import MMDetection.
BY_CALL = """
LIGHT = 'version', 'errors', 'precision', 'environment'
import runpy, sys
import cds_mm.ops
cds_mm.ops.install()
assert not {{'mmdet', 'mmpretrain'}} & set(sys.modules)
import importlib.util
from pathlib import Path
root = Path(importlib.util.find_spec('mmdet').origin).parent
sys.argv = ['train.py', {config!r}, '--work-dir', {work!r}]
runpy.run_path(str(root / '.mim/tools/train.py'), run_name='__main__')
ours = {{name for name in sys.modules if name.startswith('cds_mm.')}}
rest = {{name for name in ours if not name.startswith('cds_mm.ops')}}
assert rest <= {{f'cds_mm.{{name}}' for name in LIGHT}}, rest
print('TRAINED')
"""
# Or with a line of the config and no code at all.
BY_CONFIG = """
import runpy, sys
import importlib.util
from pathlib import Path
root = Path(importlib.util.find_spec('mmdet').origin).parent
sys.argv = ['train.py', {config!r}, '--work-dir', {work!r}]
runpy.run_path(str(root / '.mim/tools/train.py'), run_name='__main__')
print('TRAINED')
"""
CONFIG = """
_base_ = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'
model = dict(
    backbone=dict(base_channels=8, init_cfg=None, frozen_stages=-1),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(
        in_channels=16, feat_channels=16, stacked_convs=1, num_classes=1
    ),
)
_pipeline = _base_.train_pipeline
_pipeline[2].scale = (64, 64)
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(
        data_root='{root}/', ann_file='all.json', data_prefix=dict(img=''),
        metainfo=dict(classes=('thing',)), pipeline=_pipeline,
    ),
)
val_cfg = val_dataloader = val_evaluator = None
test_cfg = test_dataloader = test_evaluator = None
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=1)
"""
LINE = "custom_imports = dict(imports=['cds_mm.hosts'])\n"


@pytest.fixture
def config(tmp_path):
    pixels = np.zeros((64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    image = dict(id=0, file_name='a.png', width=64, height=64)
    box = dict(id=1, image_id=0, category_id=0, bbox=[8, 8, 30, 30], area=900)
    content = dict(
        images=[image],
        annotations=[dict(box, iscrowd=0)],
        categories=[dict(id=0, name='thing')],
    )
    (tmp_path / 'all.json').write_text(json.dumps(content))
    path = tmp_path / 'mine.py'
    path.write_text(CONFIG.format(root=tmp_path))
    return path


@pytest.mark.parametrize(
    ('script', 'line'),
    [
        (BY_CALL, ''),
        pytest.param(BY_CONFIG, LINE, marks=pytest.mark.slow),
    ],
)
def test_their_launcher_trains(script, line, config, tmp_path, standin_only):
    config.write_text(config.read_text() + line)
    script = script.format(config=str(config), work=str(tmp_path / 'work'))
    run = run_fresh(sys.executable, '-c', script).fine()
    assert run.out.endswith('TRAINED\n')
    assert (tmp_path / 'work/epoch_1.pth').is_file()


def test_what_is_exported():
    assert {'install', 'status', 'OpNotProvidedError', 'COMPILE'} <= set(
        ops.__all__
    )
