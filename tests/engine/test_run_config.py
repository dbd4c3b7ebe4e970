"""What the launcher does to a config before it becomes a runner."""

import pytest
from mmdet.models import RetinaNet
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.visualization import LocalVisBackend, TensorboardVisBackend
from torch import nn

from cds_mm.config import is_detection
from cds_mm.engine.hooks import add_run_hooks
from cds_mm.files import check_writable
from cds_mm.hooks import SampleSeedHook
from cds_mm.testing import CONFIGS


def test_a_detection_config_gets_what_ours_state():
    name = CONFIGS / 'detection' / 'retinanet_r50-cds_fpn_1x_coco.py'
    cfg = Config.fromfile(name)
    add_run_hooks(cfg)
    add_run_hooks(cfg)  # once is enough
    types = [hook['type'] for hook in cfg.custom_hooks]
    assert 'SampleSeedHook' in types and 'ZeroAPHook' in types
    assert len(types) == len(set(types))
    assert cfg.custom_imports.imports == ['cds_mm.registration']
    assert cfg.default_hooks.checkpoint.type == 'AtomicCheckpointHook'
    backends = [b['type'] for b in cfg.visualizer.vis_backends]
    assert backends == ['LocalVisBackend', 'TensorboardVisBackend']


def test_types_that_are_classes():
    cfg = Config(
        dict(
            model=dict(type=RetinaNet),
            default_hooks=dict(checkpoint=dict(type=CheckpointHook)),
            custom_hooks=[dict(type=SampleSeedHook)],
            visualizer=dict(vis_backends=[dict(type=LocalVisBackend)]),
        )
    )
    add_run_hooks(cfg)
    assert cfg.default_hooks.checkpoint.type == 'AtomicCheckpointHook'
    kinds = [hook['type'] for hook in cfg.custom_hooks]
    assert SampleSeedHook in kinds and 'SampleSeedHook' not in kinds
    assert 'ZeroAPHook' in kinds, 'a class of MMDetection, so detection'
    assert len(cfg.visualizer.vis_backends) == 2
    cfg.visualizer.vis_backends = dict(type=TensorboardVisBackend)
    add_run_hooks(cfg)
    assert cfg.visualizer.vis_backends == dict(type=TensorboardVisBackend)


@pytest.mark.parametrize(
    'settings, detection',
    [
        (dict(default_scope='mmdet', model=dict(type='X')), True),
        (dict(default_scope='mmpretrain', model=dict(type=RetinaNet)), False),
        (dict(default_scope=None, model=dict(type=RetinaNet)), True),
        (dict(model=dict(type=nn.Linear)), False),
        (dict(model=dict(type='RetinaNet')), False),
        (dict(model=None), False),
    ],
)
def test_what_detection_is(settings, detection):
    assert is_detection(Config(settings)) == detection


def test_looking_whether_a_folder_can_be_written_leaves_nothing(tmp_path):
    kept = tmp_path / 'kept'
    kept.mkdir()
    for folder in (kept, kept / 'a' / 'b'):
        check_writable(str(folder), '--work-dir')
    assert [*tmp_path.rglob('*')] == [kept]
