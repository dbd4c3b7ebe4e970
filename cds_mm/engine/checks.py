"""What is looked at before a training or a test starts, and in which order."""

from collections.abc import Callable

from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.config import check_complete
from cds_mm.config.recorded import recorded_settings
from cds_mm.config.resumed import check_resumed, is_over
from cds_mm.distributed import world_size
from cds_mm.engine.amp import check_amp
from cds_mm.engine.best_checkpoint import check_save_best
from cds_mm.engine.checkpoint_hook import check_checkpoint_hook
from cds_mm.engine.checkpoints import check_pretrained
from cds_mm.engine.class_checks import check_teacher_classes
from cds_mm.engine.data_report import report_data
from cds_mm.engine.data_warnings import warn_of_data
from cds_mm.engine.frozen import check_frozen, check_frozen_stages
from cds_mm.engine.hand_over import (
    check_detector,
    check_pretrained_url,
    check_start,
)
from cds_mm.engine.initial_weights import (
    check_init_files,
    check_initialisers,
)
from cds_mm.engine.input_checks import (
    check_preprocessor,
    check_split_inputs,
)
from cds_mm.engine.loop_checks import (
    check_loops,
    check_steps,
    warn_of_schedule,
)
from cds_mm.engine.missing_ops import check_ops
from cds_mm.engine.optimizer_checks import (
    check_optimizer,
    warn_of_kept_weights,
    warn_of_unmatched_keys,
)
from cds_mm.engine.plan import RunPlan
from cds_mm.engine.preflight import (
    check_classes,
    check_data,
    check_head,
    check_teacher,
)
from cds_mm.engine.ranks import check_same_data
from cds_mm.engine.scale_lr import warn_of_batch_size
from cds_mm.files import check_writable
from cds_mm.supervision.needed_views import check_views
from cds_mm.teacher import teacher_of

# What can be known before anything is built, in this order: each returns, or
# raises a UserError.
CHECKS: tuple[Callable[[RunPlan], object], ...] = (
    lambda plan: check_amp(plan.config),
    lambda plan: check_optimizer(plan.config),
    lambda plan: check_save_best(plan.config),
    lambda plan: check_checkpoint_hook(plan.config),
    lambda plan: check_detector(
        plan.config, plan.detector, plan.accept_changed_function
    ),
    lambda plan: check_settings(plan.config, plan.splits),
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
    # Said again by LoaderCheckHook, which other launchers have too.
    lambda runner, plan: check_views(runner.model, plan.config),
    lambda runner, plan: check_initialisers(runner.model, plan.config),
    lambda runner, plan: check_steps(runner, plan.config),
    lambda runner, plan: check_same_data(runner, plan.splits),
    lambda runner, plan: check_classes(runner, plan.config),
    lambda runner, plan: check_head(runner.model),
    lambda runner, plan: check_ops(runner),
    lambda runner, plan: check_frozen_stages(runner.model, plan.config),
    lambda runner, plan: check_teacher(plan.config, runner.model),
    lambda runner, plan: check_teacher_classes(
        runner.train_dataloader.dataset,
        teacher_of(runner.model),
    ),
    lambda runner, plan: check_pretrained_url(runner, plan.pretrained),
    lambda runner, plan: report_data(runner, plan.splits, plan.annotations),
    lambda runner, plan: warn_of_data(runner, plan.config, plan.splits),
    lambda runner, plan: warn_of_schedule(runner, plan.config),
    lambda runner, plan: warn_of_batch_size(plan.config, world_size()),
    lambda runner, plan: warn_of_unmatched_keys(runner.model, plan.config),
    lambda runner, plan: warn_of_kept_weights(runner.model, plan.config),
)


def check_settings(cfg: Config, splits: tuple[str, ...]) -> None:
    """Look at the settings of a training or a test, and at its data.

    Reads no file of any size.

    Args:
        cfg: with all flags applied.
        splits: of the data that it uses.

    Raises:
        UserError: whatever the user can fix.
    """
    check_complete(cfg, trains='train' in splits)
    check_loops(cfg, splits)
    check_preprocessor(cfg)
    check_split_inputs(cfg, splits)
    check_data(cfg, splits)


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


def _check_resumed(plan: RunPlan) -> None:
    # Said again by ResumeCheckHook, which other launchers have too; here it
    # is said before anything is built.
    cfg, meta = plan.config, plan.start_meta
    before = recorded_settings(meta.get('cfg'))
    if cfg.resume and before and not is_over(cfg, meta):
        check_resumed(cfg.load_from, before, cfg)
