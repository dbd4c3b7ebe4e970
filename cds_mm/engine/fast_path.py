"""The fast path of a training: what is changed in its config, and said."""

import copy

from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.engine.amp import bfloat16_units
from cds_mm.engine.build import build_runner
from cds_mm.engine.fast_step import use_fast_step
from cds_mm.engine.fast_views import use_fast_views
from cds_mm.engine.hooks import add_hooks

OFF = 'off (--parity)'


def build_fast_runner(cfg: Config, fast: bool = True, amp: bool = True):
    """Build the runner of a training on the fast path.

    The recipe is kept, and written into the work dir and the checkpoints, as
    it was published; what is fast on this machine is found out anew by each
    run.

    Args:
        cfg: of the run.
        fast: False for the recipe as published, op by op.
        amp: whether bfloat16 is used where there are units for it.

    Returns:
        tuple: the runner, and the config that it was built of.
    """
    changed, lines = copy.deepcopy(cfg), [OFF]
    if fast:
        lines = [
            *use_fast_views(changed),
            *use_fast_step(changed, amp),
            *_without_bfloat16(amp),
        ]
    add_hooks(changed, dict(type='FastPathHook', lines=lines))
    runner = build_runner(changed)
    _keep_the_recipe(runner, cfg)
    return runner, changed


def _without_bfloat16(amp):
    if not amp:
        return ['float32 where the config says nothing (--no-amp)']
    if bfloat16_units() is None:
        return ['float32 where the config says nothing (no bfloat16 units)']
    return []


def _keep_the_recipe(runner: Runner, cfg: Config) -> None:
    runner.cfg = cfg
    runner.dump_config()
    runner.visualizer.add_config(cfg)
