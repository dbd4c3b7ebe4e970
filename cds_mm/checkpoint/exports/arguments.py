"""Whether a backbone was built with arguments that a library has, too."""

from collections.abc import Collection, Mapping

from cds_mm.checkpoint.backbone_types import arguments_of
from cds_mm.checkpoint.exports.plan import refusal
from cds_mm.checkpoint.record import as_lists, function_of

_BATCHNORM = ('BN', 'BN2d', 'SyncBN', 'MMSyncBN', 'naiveSyncBN')
_OF_TRAINING = ('requires_grad', 'momentum')
_EPS = 1e-5
# Of training, or of what is given out; neither changes a map.
_WITHOUT_EFFECT = ('out_indices', 'drop_path_rate', 'drop_rate')


def check_usual(
    target: str,
    backbone: Mapping,
    known: Collection[str],
    eps: float = _EPS,
    norms: Collection[str] = _BATCHNORM,
) -> None:
    """Refuse arguments that a library's network does not have.

    Args:
        target: one of ``TARGETS``.
        backbone: ``type`` and arguments.
        known: names of arguments that the caller deals with.
        eps: of the library's normalisation layers.
        norms: types of ``norm_cfg`` that the library's layers are.

    Raises:
        UserError: one differs from its default, or the normalisation is
            another one.
    """
    given = function_of(dict(backbone))
    usual = arguments_of({'type': backbone['type']})
    for name, value in given.items():
        if name in (*known, *_WITHOUT_EFFECT, 'type', 'norm_cfg'):
            continue
        if as_lists(value) != as_lists(usual.get(name)):
            raise refusal(
                target, backbone, f'has no network with {name}={value!r}'
            )
    found = arguments_of(backbone).get('norm_cfg') or {}
    others = found.keys() - {'type', 'eps', *_OF_TRAINING}
    same = found.get('type') in norms and found.get('eps', _EPS) == eps
    if others or not same:
        why = f'has no network with norm_cfg={found!r}'
        raise refusal(target, backbone, why)
