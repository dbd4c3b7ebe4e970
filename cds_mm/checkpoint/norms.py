"""Which normalisation layers weights are of."""

import re
from collections.abc import Mapping

from torch import Tensor

from cds_mm.checkpoint.detector_side import DetectorSide

# OpenMMLab names a layer by its kind; SyncBN and frozen BN are BatchNorm.
_NAMED = re.compile(r'(?:^|\.)(bn|gn|ln)\d*\.(?:weight|bias)$')
_KINDS = {'bn': 'BatchNorm', 'gn': 'GroupNorm', 'ln': 'LayerNorm'}
_WITHOUT = 'no weights of such layers'
# The config of a layer; 32 groups are GroupNorm's usual ones.
_CONFIGS: dict[str, dict] = {
    'BatchNorm': dict(type='BN'),
    'GroupNorm': dict(type='GN', num_groups=32),
    'LayerNorm': dict(type='LN'),
    _WITHOUT: dict(type='IN'),
}
_SAME = {'SyncBN': 'BN', 'BN2d': 'BN', 'MMSyncBN': 'BN', 'naiveSyncBN': 'BN'}
# Of training alone, or what the layer does without being asked.
_DEFAULTS = {'requires_grad': None, 'eps': 1e-5, 'momentum': None}
# A share of the kernels from which on it is the same network otherwise.
_SAME_NETWORK = 0.5


def norm_mismatch(
    state: Mapping[str, Tensor],
    side: DetectorSide,
    trained: Mapping | None = None,
) -> str | None:
    """The line that says that normalisation layers are others.

    Args:
        state (Mapping[str, torch.Tensor]): Bare keys of a file.
        side (DetectorSide): The detector.
        trained (Mapping | None): ``norm_cfg`` of the training, if known.
    """
    wanted = side.backbone.state_dict()
    ours, theirs = _kind(state), _kind(wanted)
    if ours == theirs or not _alike(state, wanted):
        return None
    known = trained if _named_kind(trained) == ours else None
    config = _plain(known or _CONFIGS[ours])
    args = ', '.join(f'{key}={value!r}' for key, value in config.items())
    return (
        f'norm: the file holds {ours}, {side.name} builds {theirs}; set '
        f'model.backbone.norm_cfg=dict({args}) there (with _delete_=True '
        'where it inherits another), or take a backbone that was pretrained '
        f'with {_CONFIGS[theirs]["type"]}'
    )


def norm_change(trained: Mapping, theirs: Mapping) -> str:
    """How two backbones' ``norm_cfg`` differ; empty if they compute the same.

    Args:
        trained (Mapping): Config of the trained backbone.
        theirs (Mapping): Config of the detector's.
    """
    ours, other = (
        _plain(config.get('norm_cfg') or {}) for config in (trained, theirs)
    )
    return (
        ''
        if ours == other
        else f'norm_cfg={other} where pretraining had {ours}'
    )


def _kind(state: Mapping[str, Tensor]) -> str:
    for key in state:
        found = _NAMED.search(key)
        if found:
            return _KINDS[found[1]]
        if key.endswith('running_mean'):
            return 'BatchNorm'
    return _WITHOUT


def _named_kind(config: Mapping | None) -> str | None:
    kind = _plain(config or {})['type']
    kinds = {one['type']: name for name, one in _CONFIGS.items()}
    return kinds.get(kind)


def _alike(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    kernels = {key for key, value in wanted.items() if value.dim() > 1}
    return len(kernels & state.keys()) >= _SAME_NETWORK * len(kernels) > 0


def _plain(config: Mapping) -> dict:
    """What of a ``norm_cfg`` decides what is computed."""
    found = {'type': 'BN', **config}
    kind = str(found['type']).rpartition('.')[2]
    found['type'] = _SAME.get(kind, kind)
    return {
        key: value
        for key, value in found.items()
        if key not in _DEFAULTS or _DEFAULTS[key] not in (None, value)
    }
