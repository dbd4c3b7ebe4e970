"""``tools/train.py``: pretraining and detection training alike."""

import argparse

from cds_mm.engine.amp import use_amp
from cds_mm.engine.build import build_training
from cds_mm.engine.checkpoints import check_checkpoint, check_pretrained
from cds_mm.engine.config import add_common_options, run_config
from cds_mm.engine.fast_path import build_fast_runner
from cds_mm.engine.hooks import add_hooks, add_run_hooks
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
from cds_mm.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of MMPretrain's ``tools/train.py``."""
    parser = argparse.ArgumentParser(description='Train a model')
    parser.add_argument('config', help='file, or mmdet::folder/name.py')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from this checkpoint, or from the latest of the work dir',
    )
    parser.add_argument(
        '--no-validate', action='store_true', help='no validation meanwhile'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the actual total batch size',
    )
    parser.add_argument(
        '--no-persistent-workers',
        action='store_true',
        help='end the workers of the loaders with each epoch',
    )
    parser.add_argument(
        '--parity',
        action='store_true',
        help='the recipe as published, op by op: no fast path',
    )
    parser.add_argument(
        '--no-amp',
        action='store_true',
        help='float32 also where there are bfloat16 units, which are used '
        'unless the config or --parity says otherwise',
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Train the model of a config.

    Raises:
        UserError: whatever the user can mend.
    """
    args = parse_args(argv)
    cfg = run_config(args)
    _apply_flags(cfg, args)
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
    runner, fast = build_fast_runner(
        cfg, fast=not args.parity, amp=not args.no_amp
    )
    build_training(runner, fast)
    check_classes(runner, cfg)
    check_head(runner.model)
    check_teacher(cfg, runner.model)
    runner.train()  # if all is over, it clears what a kill has left
    if over:
        runner.logger.info(over)


def _apply_flags(cfg, args):
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg)
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
