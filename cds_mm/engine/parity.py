"""``--parity``: the recipe as published, op by op."""

from cds_mm.errors import UserError
from cds_mm.hooks.fast_path import optimised_views


def use_parity(cfg) -> None:
    """Take the optimisations out of the config of a training, in place.

    Args:
        cfg (Config): of a run, as the leaf config states it.

    Raises:
        UserError: its views are not those of the recipe any more, as in the
            config that a run on the fast path has dumped.
    """
    lines = optimised_views(cfg)
    if lines:
        raise UserError(
            f'--parity: the views of {cfg.filename} are optimised already '
            f'({"; ".join(lines)}), as in a config that a run leaves in its '
            'work dir; name the config that the run was started with'
        )
    if cfg.model.get('memory_format'):
        cfg.model.memory_format = 'contiguous_format'
