"""timm's networks, out of the wrapper in which MMPretrain trains them."""

from typing import Any

import torch
from torch import nn

from cds_mm.checkpoint.exports.plan import Plan, State, in_python, refusal
from cds_mm.checkpoint.record import BackboneRecord, function_of
from cds_mm.errors import UserError

_WRAPPER = 'timm_model.'
_OF_THE_WRAPPER = (
    'type model_name features_only in_channels num_classes'
).split()
# Of a network that gives out maps of its stages.
_OF_FEATURES = ('out_indices', 'feature_cls', 'out_map')
_MOST_DOTS = 2


def for_timm(record: BackboneRecord) -> Plan:
    """The network that the wrapper holds.

    Raises:
        UserError: timm is missing, or the wrapper changes the network.
    """
    cfg = function_of(record.backbone)
    if 'norm_layer' in cfg:
        raise refusal(
            'timm',
            cfg,
            f'norm_layer={cfg["norm_layer"]!r} is a layer of MMPretrain',
        )
    name = cfg['model_name']
    options: dict[str, Any] = {
        key: value
        for key, value in cfg.items()
        if key not in (*_OF_THE_WRAPPER, *_OF_FEATURES)
    }
    if cfg.get('in_channels', 3) != 3:
        options['in_chans'] = cfg['in_channels']
    network = in_python('timm.create_model', name, num_classes=0, **options)

    def build() -> nn.Module:
        import timm

        return timm.create_model(name, num_classes=0, **options)

    def names(state: State, theirs: nn.Module | None) -> State:
        return _unwrapped(state, theirs, network)

    # The caller's random numbers are not for this.
    with torch.random.fork_rng(devices=[]):
        stages = _stages(build())
    return Plan(
        'timm',
        network,
        build,
        names,
        stages,
        timm=(name, options),
    )


def _stages(network: nn.Module) -> list[tuple[str, str]]:
    info = getattr(network, 'feature_info', None) or []
    names = [one['module'] for one in info]
    return [(_WRAPPER + name, name) for name in names if name]


def _unwrapped(state: State, theirs: nn.Module | None, network: str) -> State:
    """The names of the plain network.

    Where maps are given out, timm flattens some of them: ``stages_0`` for
    ``stages.0``.
    """
    assert theirs is not None  # MMPretrain has built it, so timm is there
    bare = {key.removeprefix(_WRAPPER): value for key, value in state.items()}
    found: State = {}
    for key in theirs.state_dict():
        ours = next((one for one in _flattened(key) if one in bare), None)
        if ours is None:
            raise UserError(
                f'--target timm: {network} has {key}, which a network with '
                'features_only=True is trained without; choose --target onnx, '
                'or --target mmdet'
            )
        found[key] = bare.pop(ours)
    return found | bare  # what is left has no place there


def _flattened(key: str) -> list[str]:
    return [key.replace('.', '_', dots) for dots in range(_MOST_DOTS + 1)]
