"""A training from its arguments to its last checkpoint."""

import argparse

from cds_mm.engine.amp import unused_units
from cds_mm.engine.build import build_runner, build_training
from cds_mm.engine.malloc import calm_malloc
from cds_mm.engine.plan import check, check_built, plan_training
from cds_mm.engine.ranks import prepare_ranks
from cds_mm.engine.resume import nothing_left


def train(args: argparse.Namespace) -> None:
    """Train the model of a config.

    Args:
        args: of :func:`cds_mm.commands.train.parse_args`.

    Raises:
        UserError: a mistake in the config, the data or the arguments.
    """
    plan = plan_training(args)
    check(plan)
    cfg = plan.config
    prepare_ranks(cfg)
    memory_is_kept = calm_malloc()
    runner = build_runner(cfg)
    build_training(runner, cfg)
    check_built(runner, plan)
    _log_environment(runner, cfg, memory_is_kept)
    runner.train()  # if all is over, it clears what a kill has left
    over = nothing_left(cfg, plan.start_meta) if cfg.resume else ''
    if over:
        runner.logger.info(over)


def _log_environment(runner, cfg, memory_is_kept):
    """What this machine has, and changes no number of the run."""
    if memory_is_kept:
        runner.logger.info('Memory that a step frees is kept for the next')
    units = unused_units(cfg)
    if units:
        runner.logger.info(units)
