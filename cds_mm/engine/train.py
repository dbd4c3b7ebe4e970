"""A training from its arguments to its last checkpoint."""

import argparse
import contextlib
from collections.abc import Iterator

from cds_mm.config.resumed import is_over
from cds_mm.engine.amp import unused_units
from cds_mm.engine.build import build_runner, build_training
from cds_mm.engine.checks import check, check_built
from cds_mm.engine.malloc import calm_malloc, spare_imports
from cds_mm.engine.plan import RunPlan, plan_training
from cds_mm.engine.ranks import prepare_ranks
from cds_mm.engine.resume import (
    checkpoint_folders,
    latest_checkpoint,
    nothing_left,
)
from cds_mm.errors import UserError
from cds_mm.hooks.resume_check import can_be_longer
from cds_mm.interruption import Interrupted, Terminated, interrupt_behind
from cds_mm.work_dir_lock import work_dir_lock


def train(args: argparse.Namespace) -> None:
    """Train the model of a config.

    Args:
        args: of :func:`cds_mm.commands.train.parse_args`.

    Raises:
        UserError: a mistake in the config, the data or the arguments.
    """
    spare_imports()
    plan = plan_training(args)
    check(plan)
    with work_dir_lock(plan.config.work_dir), _interrupts_say_how_on(plan):
        _train(plan)


def _train(plan: RunPlan) -> None:
    cfg = plan.config
    prepare_ranks(cfg)
    memory_is_kept = calm_malloc()
    runner = build_runner(cfg)
    build_training(runner, cfg)
    check_built(runner, plan)
    _log_environment(runner, cfg, memory_is_kept)
    runner.train()  # if all is over, it clears what a kill has left
    if cfg.resume and is_over(cfg, plan.start_meta):
        longer = can_be_longer(runner)
        runner.logger.info(nothing_left(cfg, plan.start_meta, longer))


@contextlib.contextmanager
def _interrupts_say_how_on(plan: RunPlan) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        interrupt = interrupt_behind(error)
        if interrupt is None:
            raise
        ended = isinstance(interrupt, Terminated)
        kind = Terminated if ended else Interrupted
        raise kind(_how_on(plan.config)) from error


def _how_on(cfg) -> str:
    try:
        latest_checkpoint(*checkpoint_folders(cfg))
    except UserError:
        return 'no checkpoint was saved yet: start again'
    return 'go on with --resume'


def _log_environment(runner, cfg, memory_is_kept):
    """What this machine has, and changes no number of the run."""
    if memory_is_kept:
        runner.logger.info('Memory that a step frees is kept for the next')
    units = unused_units(cfg)
    if units:
        runner.logger.info(units)
