"""Refuses a checkpoint that fills the model in part."""

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor

from cds_mm.arguments import checked
from cds_mm.checkpoint.fit import fit
from cds_mm.checkpoint.init_file import place_of
from cds_mm.checkpoint.parts import check_parts, check_trained
from cds_mm.config import instead_of
from cds_mm.distributed import backbone_holder, unwrapped
from cds_mm.errors import UserError
from cds_mm.hooks.of_training import trains

_SAME = 'use the config that it was trained with'


@HOOKS.register_module()
class StrictLoadHook(Hook):
    """Raise when a checkpoint leaves a parameter of the model as it was.

    The host loads what fits and warns about the rest, so that a test of
    another architecture's checkpoint reports the accuracy of noise.  Keys
    that the model lacks are no fault: a file may carry branches.  Weights
    that are not finite, or no real numbers, are refused too.

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
        check_parts(checkpoint, _source(runner), runner._resume)
        given = checkpoint.get('state_dict', checkpoint)
        given = {
            key.removeprefix('module.'): value
            for key, value in given.items()
            if isinstance(value, Tensor)
        }
        found = fit(wanted, given)
        if found.missing:
            raise UserError(
                f'{_source(runner)}: {len(found.missing)} of '
                f'{len(found.needed)} tensors of the model are not in it '
                f'({found.missing[0]}, ...); {_advice(runner, given)}'
            )
        # Of a counter that nothing reads the shape does not matter either.
        for name in filter(found.needed.__contains__, found.reshaped):
            raise UserError(
                f'{_source(runner)}: {name} is {tuple(given[name].shape)} '
                f'there and {tuple(wanted[name].shape)} in the model; use '
                'the config that it was trained with'
            )
        check_trained(given, wanted, _source(runner))
        _say_what_is_new(runner, given)


def _say_what_is_new(runner: Runner, given: dict) -> None:
    """Heads that a checkpoint lacks start at random, as is often meant."""
    found = fit(unwrapped(runner.model).state_dict(), given)
    new = [*found.missing, *found.reshaped]
    if new:
        parts = ', '.join(dict.fromkeys(key.split('.')[0] for key in new))
        runner.logger.info(
            f'{_source(runner)}: {len(new)} of {len(found.needed)} tensors of '
            'the model are not in it, or in another shape, and start as they '
            f'were initialised ({parts})'
        )


def _source(runner):
    return runner._load_from or 'the checkpoint'


def _advice(runner, given: dict) -> str:
    """What to do with a file that has a backbone in another place."""
    holder = backbone_holder(runner.model)
    place = holder and place_of(holder[0].backbone.state_dict(), given)
    if holder is None or place is None:
        return _SAME
    in_place = place == 'backbone.' and holder[0] is unwrapped(runner.model)
    if in_place or runner._resume:
        return _SAME
    if not trains(runner):
        return (
            'it has a backbone alone: name a checkpoint that a training of '
            'this config has written'
        )
    path = str(_source(runner))
    line = instead_of(runner.cfg, 'load_from', path, place or None)
    where = f'under {place!r}' if place else 'under bare keys'
    return f'it has a backbone {where}: set {line}'
