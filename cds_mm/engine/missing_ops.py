"""Operations without a stand-in are found before the first step."""

from mmengine.runner import EpochBasedTrainLoop, Runner

from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError
from cds_mm.ops import COMPILE, status
from cds_mm.ops.needs import Missing, missing_ops
from cds_mm.run_warnings import warn


def check_ops(runner: Runner) -> None:
    """See that all operations that a training calls are there.

    Raises:
        UserError: the model calls a compiled operation that has no stand-in,
            in a step or in a validation that is going to be.  Where there is
            no validation, a warning says that there can be none.
    """
    ops = status()
    if ops.state != 'stand-in':
        return
    # As the first epoch does, so that `norm_eval` is in force.
    model = unwrapped(runner.model)
    model.train()  # of MMDetection's distillation, this returns nothing
    missing = missing_ops(model, ops.provided)
    in_training = [one for one in missing if 'training' in one.phases]
    if in_training:
        raise UserError(f'{_said(in_training[0], "training")}; {_compile()}')
    if missing and _validates(runner):
        raise UserError(
            f'{_said(missing[0], "validation")}; {_compile()}, or train with '
            '--no-validate and test elsewhere'
        )
    if missing:
        warn(
            f'{_said(missing[0], "validation and testing")}: training works, '
            f'for the others {_compile()}'
        )


def check_ops_of_test(runner: Runner) -> None:
    """See that all operations that a test calls are there.

    Raises:
        UserError: the model calls a compiled operation that has no stand-in.
    """
    ops = status()
    if ops.state != 'stand-in':
        return
    for one in missing_ops(unwrapped(runner.model), ops.provided):
        if 'prediction' in one.phases:
            raise UserError(f'{_said(one, "testing")}; {_compile()}')


def _said(missing: Missing, when: str) -> str:
    return (
        f'model.{missing.place} ({missing.kind}): {when} calls {missing.op}, '
        'for which there is no stand-in'
    )


def _compile() -> str:
    return f'compile MMCV against your torch: {COMPILE}'


def _validates(runner: Runner) -> bool:
    if runner.val_loop is None:
        return False
    loop = runner.train_loop
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    last = loop.max_epochs if by_epoch else loop.max_iters
    return getattr(loop, 'val_begin', 0) <= last
