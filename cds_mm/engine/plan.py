"""What a training is going to do, decided once, and the checks of it."""

import argparse
from dataclasses import dataclass
from functools import cached_property

from mmengine.config import Config

from cds_mm.config import check_init_settings, pretrained_init, use_parity
from cds_mm.engine.amp import use_amp
from cds_mm.engine.checkpoints import check_checkpoint
from cds_mm.engine.hand_over import (
    use_changed_function,
)
from cds_mm.engine.hooks import add_hooks, add_run_hooks
from cds_mm.engine.preflight import (
    check_annotations_and_heads,
)
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.engine.resume import checkpoint_folders, latest_checkpoint
from cds_mm.engine.run_config import run_config
from cds_mm.engine.scale_lr import count_accumulation
from cds_mm.errors import UserError


@dataclass(frozen=True)
class RunPlan:
    """A training before anything of it is built.

    Attributes:
        config: with all flags applied, as it is run and recorded.
        splits: of the data that it uses.
        pretrained: the file that the backbone starts from, or None.
        detector: config of the detector that the backbone is for, or None.
        accept_changed_function: that detector computes something else on
            purpose.
    """

    config: Config
    splits: tuple[str, ...]
    pretrained: PretrainedFile | None
    detector: str | None = None
    accept_changed_function: bool = False

    @cached_property
    def start(self) -> PretrainedFile | None:
        """The checkpoint in ``load_from``, if there is one."""
        path = self.config.get('load_from')
        return PretrainedFile(str(path), 'backbone.') if path else None

    @cached_property
    def start_meta(self) -> dict:
        """The ``meta`` of the checkpoint in ``load_from``; empty without one.

        Raises:
            UserError: it cannot be started or resumed from.
        """
        if self.start is None:
            return {}
        return check_checkpoint(self.start, self.config)

    @cached_property
    def annotations(self) -> dict[str, dict]:
        """What the annotation files of a detection hold.

        Raises:
            UserError: as of :func:`check_annotations_and_heads`.
        """
        return check_annotations_and_heads(self.config, self.splits)


def plan_training(args: argparse.Namespace) -> RunPlan:
    """Plan a training from its arguments.

    Args:
        args: of :func:`cds_mm.commands.train.parse_args`.

    Raises:
        UserError: the config cannot be read, or a flag does not go with it.
    """
    cfg = run_config(args)
    for needed in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'):
        if not cfg.get(needed):
            raise UserError(
                f'{args.config}: has no {needed}, so there is nothing to '
                'train; tools/test.py evaluates a checkpoint with it'
            )
    check_init_settings(cfg)
    _apply_flags(cfg, args)
    pretrained = _pretrained(cfg)
    if args.accept_changed_function:
        use_changed_function(cfg, args.detector)
    add_run_hooks(cfg, pretrained)
    if cfg.get('load_from'):
        add_hooks(cfg, dict(type='StrictLoadHook', parts=_parts(cfg)))
    validates = cfg.get('val_dataloader') is not None
    splits = ('train', 'val') if validates else ('train',)
    return RunPlan(
        cfg, splits, pretrained, args.detector, args.accept_changed_function
    )


def _apply_flags(cfg, args):
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg)
    if args.parity:
        use_parity(cfg)
    if args.auto_scale_lr:
        base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
        if base is not None and not (isinstance(base, int) and base > 0):
            raise UserError(
                f'auto_scale_lr.base_batch_size={base!r} must be a whole '
                'number above 0; set auto_scale_lr.base_batch_size to the '
                'batch size that the learning rate is for'
            )
        if base is None:
            raise UserError(
                f'--auto-scale-lr: {args.config} does not say for which batch '
                'size its learning rate is; set auto_scale_lr.base_batch_size'
            )
        cfg.auto_scale_lr.enable = True
    count_accumulation(cfg)
    if args.resume:
        auto = args.resume == 'auto'
        found = auto and latest_checkpoint(*checkpoint_folders(cfg))
        path = found or args.resume
        cfg.load_from, cfg.resume = str(path), True
    cfg.setdefault('resume', False)


def _pretrained(cfg) -> PretrainedFile | None:
    init = pretrained_init(cfg)
    if init is None:
        return None
    return PretrainedFile(str(init['checkpoint']), init.get('prefix'))


def _parts(cfg) -> list[str]:
    """What of the model a checkpoint has to fill."""
    if cfg.resume:
        return ['']
    parts = {'backbone', *cfg.model.get('frozen', ())}
    return [f'{part}.' for part in sorted(parts)]
