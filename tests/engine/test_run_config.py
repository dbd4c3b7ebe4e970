"""What the launcher does to a config before it becomes a runner."""

import pytest
from mmengine.config import Config

from cds_mm.engine.amp import use_amp
from cds_mm.engine.hooks import add_run_hooks
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


def test_amp_takes_plain_wrappers_alone():
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper')))
    use_amp(cfg)
    assert cfg.optim_wrapper.type == 'CpuAmpOptimWrapper'
    cfg.optim_wrapper.type = 'ApexOptimWrapper'
    with pytest.raises(UserError, match='ApexOptimWrapper'):
        use_amp(cfg)


def test_a_detection_config_gets_what_ours_state():
    name = CONFIGS / 'detection' / 'retinanet_r50-cds_fpn_1x_coco.py'
    cfg = Config.fromfile(name)
    add_run_hooks(cfg)
    add_run_hooks(cfg)  # once is enough
    types = [hook['type'] for hook in cfg.custom_hooks]
    assert 'SampleSeedHook' in types and 'ZeroAPHook' in types
    assert len(types) == len(set(types))
    assert cfg.default_hooks.checkpoint.type == 'AtomicCheckpointHook'
    backends = [b['type'] for b in cfg.visualizer.vis_backends]
    assert backends == ['LocalVisBackend', 'TensorboardVisBackend']
