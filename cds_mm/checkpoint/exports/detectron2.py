"""ResNets as Detectron2's, and the files that its checkpointer reads."""

import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import nn

from cds_mm.checkpoint.exports.plan import Plan, State, refusal, renamed
from cds_mm.checkpoint.exports.resnets import (
    PLANES,
    STAGES,
    ResNetFacts,
    facts_of,
)
from cds_mm.checkpoint.record import RECORD_KEY, BackboneRecord

_RULES = (
    (r'^(conv1|bn1)\.', r'stem.\1.'),
    (r'^layer1\.', 'res2.'),
    (r'^layer2\.', 'res3.'),
    (r'^layer3\.', 'res4.'),
    (r'^layer4\.', 'res5.'),
    (r'\bbn([123])\.', r'conv\1.norm.'),
    (r'\bdownsample\.0\.', 'shortcut.'),
    (r'\bdownsample\.1\.', 'shortcut.norm.'),
)
_OUTPUTS = ['res2', 'res3', 'res4', 'res5']
# Python 3.4 and later, and with arrays of no version of NumPy.
_PROTOCOL = 4


def for_detectron2(record: BackboneRecord) -> Plan:
    """A ResNet, ResNeXt or wide ResNet of Detectron2."""
    facts, cfg = facts_of(record, 'detectron2'), record.backbone
    lacking = {
        "has no ResNet with a deep 'stem'": facts.deep,
        "has no ResNet with 'se_layer' in its blocks": facts.se,
        'has no ResNet whose shortcuts average': facts.averaged,
        'has no ResNet with the CIFAR stem': facts.cifar,
        'has no ResNet without max-pool': not facts.pooled,
        f'has {PLANES} channels in the first stage of a ResNet-{facts.depth}, '
        f'the trained one {facts.planes}': facts.small
        and facts.planes != PLANES,
    }
    for words, present in lacking.items():
        if present:
            raise refusal('detectron2', cfg, words)
    settings = {**_of_images(record), **_of_network(facts)}
    names = renamed(_RULES)

    def without_counters(state: State, network: nn.Module | None) -> State:
        # Its frozen layers have none.
        kept = {k: v for k, v in state.items() if not k.endswith('_tracked')}
        return names(kept, network)

    return Plan(
        'detectron2',
        'detectron2.modeling.backbone.build_resnet_backbone(cfg, shape)',
        _builder(settings),
        without_counters,
        list(zip(STAGES, _OUTPUTS, strict=True)),
        [f'cfg.{key} = {value!r}' for key, value in settings.items()],
    )


def _of_images(record: BackboneRecord) -> dict[str, Any]:
    return {
        'INPUT.FORMAT': record.known_order.upper(),
        'MODEL.PIXEL_MEAN': record.mean,
        'MODEL.PIXEL_STD': record.std,
    }


def _of_network(facts: ResNetFacts) -> dict[str, Any]:
    """What a ResNet of Detectron2 is, where that is not its default."""
    found: dict[str, Any] = {
        'DEPTH': facts.depth,
        'STRIDE_IN_1X1': facts.caffe,
    }
    outputs = int(facts.planes) * (1 if facts.small else 4)
    usual = {
        'RES2_OUT_CHANNELS': (outputs, 4 * PLANES),
        'STEM_OUT_CHANNELS': (facts.stem, PLANES),
        'NUM_GROUPS': (facts.groups, 1),
        'WIDTH_PER_GROUP': (facts.mid // facts.groups, PLANES),
    }
    found |= {
        k: value for k, (value, other) in usual.items() if value != other
    }
    return {f'MODEL.RESNETS.{key}': value for key, value in found.items()}


def _builder(settings: dict[str, Any]) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from detectron2.config import get_cfg
        from detectron2.layers import ShapeSpec
        from detectron2.modeling.backbone import build_resnet_backbone

        cfg = get_cfg()
        items = {**settings, 'MODEL.RESNETS.OUT_FEATURES': _OUTPUTS}
        cfg.merge_from_list([item for pair in items.items() for item in pair])
        return build_resnet_backbone(cfg, ShapeSpec(channels=3))

    return build


def content(state: State, record: BackboneRecord) -> dict[str, Any]:
    """What its checkpointer reads, from a file of torch or of ``pickle``.

    Args:
        state: the weights under its names.
        record: of the backbone; the checkpointer passes over it.
    """
    return {
        'model': state,
        '__author__': 'cds_mm',
        # Names are matched by their endings: a detector has a prefix.
        'matching_heuristics': True,
        RECORD_KEY: record.to_dict(),
    }


class _Pickler(pickle.Pickler):
    """Writes arrays so that every version of NumPy reads them.

    An array's own pickle names modules of NumPy that were renamed in 2.0.
    """

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, np.ndarray):
            data = bytearray(np.ascontiguousarray(obj).tobytes())
            return np.ndarray, (obj.shape, obj.dtype.str, data)
        return NotImplemented


def pickled(values: dict[str, Any]) -> bytes:
    """The same as a plain pickle of NumPy arrays.

    Args:
        values: as of :func:`content`.
    """
    arrays = {
        key: value.detach().to(torch.float32).numpy()
        for key, value in values['model'].items()
    }
    buffer = BytesIO()
    _Pickler(buffer, _PROTOCOL).dump({**values, 'model': arrays})
    return buffer.getvalue()
