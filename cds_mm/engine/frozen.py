"""Parts of a network that a run keeps as they are: they must be trained."""

from torch import nn

from cds_mm.config import (
    backbone_starts_from_weights,
    find_pretrained,
    names_weights,
)
from cds_mm.distributed import backbone_holder
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_NORMS = nn.modules.batchnorm._NormBase


def check_frozen(cfg) -> None:
    """See that what is not trained comes from somewhere.

    Raises:
        UserError: parts of the model are frozen, and nothing is loaded.
    """
    frozen = set(cfg.model.get('frozen') or ())
    if find_pretrained(cfg):
        frozen -= {'backbone'}
    if frozen and not cfg.get('load_from'):
        raise UserError(
            f'model.frozen={sorted(frozen)}: would stay at random weights; '
            'set load_from to a checkpoint that has them'
        )


def check_frozen_stages(model: nn.Module, cfg) -> None:
    """See that stages and statistics that a backbone freezes are trained.

    By what the built backbone does: which of its weights take no gradient,
    and which of its BatchNorm layers stay in evaluation mode.

    Args:
        model: built, before its weights are initialised.
        cfg: of the run.

    Raises:
        UserError: they would stay random; with the settings that train them.
    """
    if cfg.get('load_from') or backbone_starts_from_weights(cfg):
        return
    found = backbone_holder(model)
    if found is None or 'backbone' in getattr(found[0], 'frozen', ()):
        return
    backbone, where = found[0].backbone, found[1]
    # By its class, where the config says nothing.
    if names_weights(getattr(backbone, 'init_cfg', None)):
        return
    weights, norms = _kept(backbone)
    if not weights and not norms:
        return
    settings = _settings(backbone)
    if not settings:  # frozen by no argument that could be named
        return
    given = ' and '.join(f'{key}={old}' for key, old, _ in settings)
    kept = []
    if weights:
        kept.append(f'{weights:,} weights')
    if norms:
        kept.append(f'the statistics of {norms} BatchNorm layers')
    new = ' '.join(f'{where}.{key}={value}' for key, _, value in settings)
    said = (
        f'{where}: {given} would keep {" and ".join(kept)} at random values, '
        f'since nothing is loaded; set {new} to train them, or load_from (or '
        'init_cfg of the backbone) to a checkpoint that has them'
    )
    # The stem alone: published recipes that start from nothing do it (ViG).
    if [(key, old) for key, old, _ in settings] == [('frozen_stages', 0)]:
        warn(said)
        return
    raise UserError(said)


def _kept(backbone: nn.Module) -> tuple[int, int]:
    """How many weights and BatchNorm layers do not learn."""
    training = backbone.training
    backbone.train()
    # Scale 1 and shift 0 of a frozen norm are no random values.
    weights = sum(
        parameter.numel()
        for parameter in backbone.parameters()
        if not parameter.requires_grad and parameter.dim() > 1
    )
    norms = sum(
        not module.training and module.track_running_stats
        for module in backbone.modules()
        if isinstance(module, _NORMS)
    )
    backbone.train(training)
    return weights, norms


def _settings(backbone) -> list[tuple[str, object, object]]:
    """The arguments that freeze: name, value, and the one that does not."""
    found: list[tuple[str, object, object]] = []
    stages = getattr(backbone, 'frozen_stages', -1)
    if isinstance(stages, int) and stages >= 0:
        found.append(('frozen_stages', stages, -1))
    if getattr(backbone, 'norm_eval', False):
        found.append(('norm_eval', True, False))
    return found
