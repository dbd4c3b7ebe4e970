"""Says at the start of a run what will be learned from what."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.distributed import unwrapped
from cds_mm.teacher import teacher_of


@HOOKS.register_module()
class MethodSummaryHook(Hook):
    """Log one line for each supervision, and what exists for training only.

    Nobody should have to guess whether negatives are those of one GPU or of
    all, or how many parameters the heads add.
    """

    def before_train(self, runner: Runner) -> None:
        """Write the lines."""
        model = unwrapped(runner.model)
        for name, supervision in getattr(model, 'supervisions', {}).items():
            runner.logger.info(f'Supervision {name}: {supervision.describe()}')
        teacher = teacher_of(model)
        if teacher:
            runner.logger.info(teacher.describe())
        if getattr(model, 'frozen', ()):
            runner.logger.info(f'Not trained: {", ".join(model.frozen)}')
        branches = getattr(model, 'branches', None)
        if branches:
            count = sum(p.numel() for p in branches.parameters())
            runner.logger.info(
                f'Branches, in training only: {", ".join(branches)} '
                f'({count:,} parameters)'
            )
