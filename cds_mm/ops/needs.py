"""Which compiled operations the parts of a built model are going to call.

`mmcv.ops` looks its operations up by name when they are called, and that can
be in the first validation only, or at a step that a score decides.  Hence a
table of the classes that call one which has no stand-in;
`tests/ops/test_ops_needs.py` compares it with the source of the hosts.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from torch import nn

Phase = Literal['training', 'prediction']
_BOTH: tuple[Phase, ...] = ('training', 'prediction')


def _anywhere(part: object) -> bool:
    return True


def _on_a_gpu(part) -> bool:
    return any(tensor.is_cuda for tensor in part.parameters())


def _takes_statistics(part) -> bool:
    """Not so where its backbone keeps it in evaluation mode (`norm_eval`)."""
    return part.training or not part.track_running_stats


def _pools_by_maximum(part) -> bool:
    return part.pool_mode == 'max' and not part.use_torchvision


@dataclass(frozen=True)
class Need:
    """That a class calls a compiled operation.

    Attributes:
        op: its name in `mmcv._ext`; of several, the one that is called first.
        phases: in which it is called.
        where: whether an instance calls it.
    """

    op: str
    phases: tuple[Phase, ...] = _BOTH
    where: Callable[[object], bool] = _anywhere


_LAYERS = {
    'bezier_align.BezierAlign': Need('bezier_align_forward'),
    'border_align.BorderAlign': Need('border_align_forward'),
    'carafe.CARAFE': Need('carafe_forward'),
    'carafe.CARAFENaive': Need('carafe_naive_forward'),
    'carafe.CARAFEPack': Need('carafe_forward'),
    'correlation.Correlation': Need('correlation_forward'),
    'deform_roi_pool.DeformRoIPool': Need('deform_roi_pool_forward'),
    'deform_roi_pool.DeformRoIPoolPack': Need('deform_roi_pool_forward'),
    'deform_roi_pool.ModulatedDeformRoIPoolPack': Need(
        'deform_roi_pool_forward'
    ),
    'focal_loss.SoftmaxFocalLoss': Need(
        'softmax_focal_loss_forward', ('training',)
    ),
    'fused_bias_leakyrelu.FusedBiasLeakyReLU': Need(
        'fused_bias_leakyrelu', where=_on_a_gpu
    ),
    # In training it is handed no mask and is a plain convolution.
    'masked_conv.MaskedConv2d': Need('masked_im2col_forward', ('prediction',)),
    'prroi_pool.PrRoIPool': Need('prroi_pool_forward'),
    'psa_mask.PSAMask': Need('psamask_forward'),
    'riroi_align_rotated.RiRoIAlignRotated': Need(
        'riroi_align_rotated_forward'
    ),
    'roi_align.RoIAlign': Need(
        "roi_align with pool_mode='max'", where=_pools_by_maximum
    ),
    'roi_align_rotated.RoIAlignRotated': Need('roi_align_rotated_forward'),
    'roi_pool.RoIPool': Need('roi_pool_forward'),
    'sync_bn.SyncBatchNorm': Need(
        'sync_bn_forward_mean', ('training',), _takes_statistics
    ),
    'tin_shift.TINShift': Need('tin_shift_forward'),
}
NEEDS = {f'mmcv.ops.{name}': need for name, need in _LAYERS.items()} | {
    # Once a negative has a score above its threshold.
    'mmdet.models.task_modules.samplers.score_hlr_sampler.ScoreHLRSampler': (
        Need('nms_match', ('training',))
    ),
    'mmdet.models.dense_heads.clr_head.clr_head.CLRHead': Need(
        'line_nms_forward', ('prediction',), _on_a_gpu
    ),
}
# What `nms.type` of a test_cfg or train_cfg can name.
SUPPRESSIONS = ('nms_match', 'nms_quadri', 'nms_rotated')
_CONFIGS: dict[str, Phase] = {
    'train_cfg': 'training',
    'test_cfg': 'prediction',
}


@dataclass(frozen=True)
class Missing:
    """An operation that a part of a model is going to call in vain.

    Attributes:
        place: of the part in the model, dotted; the first of its kind.
        kind: name of its class, or how the config asks for the operation.
        op: name of the operation.
        phases: in which it is called.
    """

    place: str
    kind: str
    op: str
    phases: tuple[Phase, ...]


def missing_ops(model: nn.Module, provided: Collection[str]) -> list[Missing]:
    """What a built model is going to call and `provided` does not have.

    Args:
        model: it, its layers, and what these keep as attributes (samplers).
        provided: names that `mmcv._ext` answers to.

    Returns:
        One for each kind of part, in the order of the model.
    """
    found: dict[tuple, Missing] = {}
    for place, part in _parts(model):
        for missing in _of_part(place, part):
            if missing.op not in provided:
                key = (missing.kind, missing.op, missing.phases)
                found.setdefault(key, missing)
    return [*found.values()]


def _parts(
    model: nn.Module, prefix: str = '', seen: set[int] | None = None
) -> Iterator[tuple[str, object]]:
    seen = set() if seen is None else seen
    layers = [*model.named_modules(prefix=prefix)]
    seen |= {id(layer) for _, layer in layers}
    for place, layer in layers:
        yield place, layer
        for name, value in vars(layer).items():
            # What begins with _ is how torch keeps its layers.
            if name.startswith('_'):
                continue
            several = isinstance(value, list | tuple)
            for one in value if several else (value,):
                at = f'{place}.{name}'.lstrip('.')
                if not isinstance(one, nn.Module):
                    yield at, one
                elif id(one) not in seen:
                    # A teacher that is kept out of the weights.
                    yield from _parts(one, at, seen)


def _of_part(place: str, part: object) -> Iterator[Missing]:
    for kind in type(part).__mro__:
        need = NEEDS.get(f'{kind.__module__}.{kind.__name__}')
        if need and need.where(part):
            yield Missing(place, type(part).__name__, need.op, need.phases)
            break
    for name, phase in _CONFIGS.items():
        if place.rpartition('.')[2] == name:
            for op in _suppressions(part):
                yield Missing(place, f"nms.type='{op}'", op, (phase,))


def _suppressions(config: object) -> Iterator[str]:
    if not isinstance(config, dict):
        return
    for key, value in config.items():
        if isinstance(value, dict):
            if key == 'nms' and value.get('type') in SUPPRESSIONS:
                yield value['type']
            yield from _suppressions(value)
