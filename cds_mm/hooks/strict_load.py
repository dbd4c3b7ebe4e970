"""Refuses a checkpoint that fills the model in part."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.arguments import checked
from cds_mm.checkpoint.fit import fit
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

    # What is refused is not warned of before.
    priority = 'VERY_HIGH'

    @checked
    def __init__(self, parts: Sequence[str] = ('',)):
        self.parts = tuple(parts)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes before anything is loaded."""
        wanted = {
            name: tensor
            for name, tensor in unwrapped(runner.model).state_dict().items()
            if name.startswith(self.parts)
        }
        given = checkpoint.get('state_dict', checkpoint)
        given = {k.removeprefix('module.'): v for k, v in given.items()}
        found = fit(wanted, given)
        if found.missing:
            raise UserError(
                f'{_source(runner)}: {len(found.missing)} of '
                f'{len(found.needed)} tensors of the model are not in it '
                f'({found.missing[0]}, ...); use the config that it was '
                'trained with'
            )
        # Of a counter that nothing reads the shape does not matter either.
        for name in filter(found.needed.__contains__, found.reshaped):
            raise UserError(
                f'{_source(runner)}: {name} is {tuple(given[name].shape)} '
                f'there and {tuple(wanted[name].shape)} in the model; use '
                'the config that it was trained with'
            )


def _source(runner):
    return runner._load_from or 'the checkpoint'
