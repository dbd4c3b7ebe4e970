"""What a training is going to do, decided once, and the checks of it."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.config import check_init_settings, pretrained_init
from cds_mm.config.recorded import recorded_settings
from cds_mm.config.resumed import check_resumed, is_over
from cds_mm.distributed import unwrapped
from cds_mm.engine.amp import check_amp, use_amp
from cds_mm.engine.checkpoints import check_checkpoint, check_pretrained
from cds_mm.engine.class_checks import (
    check_resumed_classes,
    check_teacher_classes,
)
from cds_mm.engine.data_report import report_data
from cds_mm.engine.data_warnings import warn_of_data
from cds_mm.engine.fast_views import use_fast_views
from cds_mm.engine.frozen import check_frozen, check_frozen_stages
from cds_mm.engine.hand_over import (
    check_detector,
    check_pretrained_url,
    check_start,
    use_changed_function,
)
from cds_mm.engine.hooks import add_hooks, add_run_hooks
from cds_mm.engine.initial_weights import (
    check_init_files,
    check_initialisers,
)
from cds_mm.engine.missing_ops import check_ops
from cds_mm.engine.parity import use_parity
from cds_mm.engine.preflight import (
    check_annotations_and_heads,
    check_classes,
    check_data,
    check_head,
    check_teacher,
)
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.engine.resume import checkpoint_folders, latest_checkpoint
from cds_mm.engine.run_config import run_config
from cds_mm.engine.scale_lr import count_accumulation
from cds_mm.errors import UserError
from cds_mm.files import check_writable


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


# What can be known before anything is built, in this order: each returns, or
# raises a UserError.
CHECKS: tuple[Callable[[RunPlan], object], ...] = (
    lambda plan: check_amp(plan.config),
    lambda plan: check_detector(
        plan.config, plan.detector, plan.accept_changed_function
    ),
    lambda plan: check_data(plan.config, plan.splits),
    lambda plan: check_pretrained(plan.config, plan.pretrained),
    lambda plan: check_frozen(plan.config),
    lambda plan: check_writable(plan.config.work_dir, '--work-dir'),
    lambda plan: check_start(plan.config, plan.start, plan.start_meta),
    lambda plan: _check_resumed(plan),
    lambda plan: check_init_files(plan.config),
    # The last: large files take a while.
    lambda plan: plan.annotations,
)
# What takes the data or the model, before the first step.
CHECKS_WHEN_BUILT: tuple[Callable[[Runner, RunPlan], object], ...] = (
    lambda runner, plan: check_initialisers(runner.model, plan.config),
    lambda runner, plan: check_classes(runner, plan.config),
    lambda runner, plan: check_head(runner.model),
    lambda runner, plan: check_ops(runner),
    lambda runner, plan: check_frozen_stages(runner.model, plan.config),
    lambda runner, plan: check_teacher(plan.config, runner.model),
    lambda runner, plan: check_resumed_classes(
        runner.train_dataloader.dataset, plan.config, plan.start_meta
    ),
    lambda runner, plan: check_teacher_classes(
        runner.train_dataloader.dataset,
        getattr(unwrapped(runner.model), 'teacher', None),
    ),
    lambda runner, plan: check_pretrained_url(runner, plan.pretrained),
    lambda runner, plan: report_data(runner, plan.splits, plan.annotations),
    lambda runner, plan: warn_of_data(runner, plan.config, plan.splits),
)


def plan_training(args: argparse.Namespace) -> RunPlan:
    """Plan a training from its arguments.

    Args:
        args: of :func:`cds_mm.commands.train.parse_args`.

    Raises:
        UserError: the config cannot be read, or a flag does not go with it.
    """
    cfg = run_config(args)
    check_init_settings(cfg)
    _apply_flags(cfg, args)
    pretrained = _pretrained(cfg)
    if args.accept_changed_function:
        use_changed_function(cfg, args.detector)
    add_run_hooks(cfg, pretrained)
    if cfg.get('load_from'):
        add_hooks(cfg, dict(type='StrictLoadHook', parts=_parts(cfg)))
    splits = ('train',) if args.no_validate else ('train', 'val')
    return RunPlan(
        cfg, splits, pretrained, args.detector, args.accept_changed_function
    )


def check(plan: RunPlan) -> None:
    """Say before anything is built what would go wrong.

    Raises:
        UserError: the first of :data:`CHECKS` that fails.
    """
    try:
        for one in CHECKS:
            one(plan)
    finally:
        # Large, and the host reads them again.
        for file in filter(None, (plan.pretrained, plan.start)):
            file.release()


def check_built(runner: Runner, plan: RunPlan) -> None:
    """Say before the first step what the data or the model shows.

    Raises:
        UserError: the first of :data:`CHECKS_WHEN_BUILT` that fails.
    """
    for one in CHECKS_WHEN_BUILT:
        one(runner, plan)


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
    count_accumulation(cfg)
    if args.resume:
        auto = args.resume == 'auto'
        found = auto and latest_checkpoint(*checkpoint_folders(cfg))
        path = found or args.resume
        cfg.load_from, cfg.resume = str(path), True
    cfg.setdefault('resume', False)


def _check_resumed(plan: RunPlan) -> None:
    # Said again by ResumeCheckHook, which other launchers have too; here it
    # is said before anything is built.
    cfg, meta = plan.config, plan.start_meta
    before = recorded_settings(meta.get('cfg'))
    if cfg.resume and before and not is_over(cfg, meta):
        check_resumed(cfg.load_from, before, cfg)


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
