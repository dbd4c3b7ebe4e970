"""``--parity``: the recipe as published, op by op."""

from cds_mm.config import check_recipe


def use_parity(cfg) -> None:
    """Take the optimisations out of the config of a training, in place.

    Args:
        cfg (Config): of a run, as the leaf config states it.

    Raises:
        UserError: its views are not those of the recipe any more.
    """
    check_recipe(cfg, '--parity')
    if cfg.model.get('memory_format'):
        cfg.model.memory_format = 'contiguous_format'
