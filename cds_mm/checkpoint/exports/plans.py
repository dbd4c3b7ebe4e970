"""Which families each library has, and what is refused."""

from collections.abc import Callable
from typing import TypeAlias

from cds_mm.checkpoint.exports import (
    convnexts,
    detectron2,
    mobilenets,
    of_timm,
    regnets,
    resnets_elsewhere,
)
from cds_mm.checkpoint.exports.plan import Plan, refusal
from cds_mm.checkpoint.record import BackboneRecord, function_of

Planner: TypeAlias = Callable[[BackboneRecord], Plan]

_RESNETS = (
    'ResNet ResNet_CIFAR ResNetNoMaxPool ResNeXt ResNeXt_CIFAR ResNetV1c '
    'ResNetV1d SEResNet SEResNet_CIFAR SEResNetAnyDepth SEResNeXt '
    'PreActResNet PreActResNet_CIFAR'
).split()
_TORCHVISION: dict[str, Planner] = {
    **dict.fromkeys(_RESNETS, resnets_elsewhere.for_torchvision),
    'RegNet': regnets.for_torchvision,
    'MobileNetV2': mobilenets.mobilenet_for_torchvision,
    'EfficientNet': mobilenets.efficientnet_for_torchvision,
    'ConvNeXt': convnexts.for_torchvision,
}
_TIMM: dict[str, Planner] = {
    **dict.fromkeys(_RESNETS, resnets_elsewhere.for_timm),
    'RegNet': regnets.for_timm,
    'MobileNetV2': mobilenets.mobilenet_for_timm,
    'EfficientNet': mobilenets.efficientnet_for_timm,
    'ConvNeXt': convnexts.for_timm,
    'TIMMBackbone': of_timm.for_timm,
}
# Target and family (MMPretrain's class): how the library has it.
FAMILIES: dict[str, dict[str, Planner]] = {
    'torchvision': _TORCHVISION,
    'timm': _TIMM,
    'detectron2': dict.fromkeys(_RESNETS, detectron2.for_detectron2),
    # A folder of the Hugging Face Hub that timm loads.
    'hf': _TIMM,
}


def plan_for(record: BackboneRecord, target: str) -> Plan:
    """How a library has a recorded backbone.

    Args:
        record: of the backbone; its type is registered.
        target: a key of ``FAMILIES``.

    Raises:
        UserError: it has no such network, or none that is known here.
    """
    kind = function_of(record.backbone)['type']
    planner = FAMILIES[target].get(kind)
    if planner is None and record.trained_as in FAMILIES[target]:
        raise refusal(
            target,
            record.backbone,
            f'the file was converted to the names of {kind}',
            'convert the training checkpoint',
        )
    if planner is None:
        raise refusal(
            target,
            record.backbone,
            'no network there is known to be this one (docs/exports.md has '
            'those that are)',
        )
    return planner(record)
