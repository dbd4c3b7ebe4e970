"""A training from its arguments to its last checkpoint."""

import argparse

from cds_mm.engine.amp import check_amp, unused_units, use_amp
from cds_mm.engine.build import build_runner, build_training
from cds_mm.engine.checkpoints import check_checkpoint, check_pretrained
from cds_mm.engine.fast_views import use_fast_views
from cds_mm.engine.hooks import add_hooks, add_run_hooks
from cds_mm.engine.malloc import calm_malloc
from cds_mm.engine.parity import use_parity
from cds_mm.engine.preflight import (
    check_classes,
    check_data,
    check_frozen,
    check_head,
    check_teacher,
    check_writable,
)
from cds_mm.engine.ranks import prepare_ranks
from cds_mm.engine.resume import (
    checkpoint_folders,
    latest_checkpoint,
    nothing_left,
)
from cds_mm.engine.run_config import run_config
from cds_mm.errors import UserError


def train(args: argparse.Namespace) -> None:
    """Train the model of a config.

    Args:
        args: of :func:`cds_mm.commands.train.parse_args`.

    Raises:
        UserError: whatever the user can mend.
    """
    cfg = run_config(args)
    _apply_flags(cfg, args)
    check_amp(cfg)
    add_run_hooks(cfg)
    check_data(cfg, ('train',) if args.no_validate else ('train', 'val'))
    check_pretrained(cfg)
    check_frozen(cfg)
    check_writable(cfg.work_dir, '--work-dir')
    over = ''
    if cfg.get('load_from'):
        meta = check_checkpoint(cfg.load_from, resume=cfg.resume)
        over = nothing_left(cfg, meta) if cfg.resume else ''
        add_hooks(cfg, dict(type='StrictLoadHook', parts=_parts(cfg)))
    prepare_ranks(cfg)
    memory_is_kept = calm_malloc()
    runner = build_runner(cfg)
    build_training(runner, cfg)
    check_classes(runner, cfg)
    check_head(runner.model)
    check_teacher(cfg, runner.model)
    _log_environment(runner, cfg, memory_is_kept)
    runner.train()  # if all is over, it clears what a kill has left
    if over:
        runner.logger.info(over)


def _log_environment(runner, cfg, kept):
    """What this machine has, and changes no number of the run."""
    if kept:
        runner.logger.info('Memory that a step frees is kept for the next')
    units = unused_units(cfg)
    if units:
        runner.logger.info(units)


def _apply_flags(cfg, args):
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg)
    if args.parity:
        use_parity(cfg)
    else:
        use_fast_views(cfg)
    if args.auto_scale_lr:
        if not cfg.get('auto_scale_lr', {}).get('base_batch_size'):
            raise UserError(
                f'--auto-scale-lr: {args.config} does not say for which batch '
                'size its learning rate is; set auto_scale_lr.base_batch_size'
            )
        cfg.auto_scale_lr.enable = True
    if args.resume:
        auto = args.resume == 'auto'
        found = auto and latest_checkpoint(*checkpoint_folders(cfg))
        path = found or args.resume
        cfg.load_from, cfg.resume = str(path), True
    cfg.setdefault('resume', False)


def _parts(cfg) -> list[str]:
    """What of the model a checkpoint has to fill."""
    if cfg.resume:
        return ['']
    parts = {'backbone', *cfg.model.get('frozen', ())}
    return [f'{part}.' for part in sorted(parts)]
