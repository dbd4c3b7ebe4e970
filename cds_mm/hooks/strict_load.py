"""Refuses a checkpoint that fills the model in part."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Raise when a checkpoint leaves a parameter of the model as it was.

    The host loads what fits and warns about the rest, so that a test of
    another architecture's checkpoint reports the accuracy of noise.  Keys
    that the model lacks are no fault: a file may carry branches.

    Args:
        parts: only names that begin with one of these have to be filled;
            all of them by default.
    """

    def __init__(self, parts: Sequence[str] = ('',)):
        self.parts = tuple(parts)

    def after_load_checkpoint(self, runner, checkpoint):
        """Compare names and shapes before anything is loaded."""
        state = unwrapped(runner.model).state_dict()
        wanted = {
            name: tensor.shape
            for name, tensor in state.items()
            if name.startswith(self.parts)
            # A count that old files lack and that nothing here reads.
            and not name.endswith('num_batches_tracked')
        }
        given = checkpoint.get('state_dict', checkpoint)
        given = {k.removeprefix('module.'): v for k, v in given.items()}
        missing = [name for name in wanted if name not in given]
        if missing:
            raise UserError(
                f'{_source(runner)}: {len(missing)} of {len(wanted)} tensors '
                f'of the model are not in it ({missing[0]}, ...); use the '
                'config that it was trained with'
            )
        for name, shape in wanted.items():
            if given[name].shape != shape:
                raise UserError(
                    f'{_source(runner)}: {name} is '
                    f'{tuple(given[name].shape)} there and {tuple(shape)} in '
                    'the model; use the config that it was trained with'
                )


def _source(runner):
    return runner._load_from or 'the checkpoint'
