"""The probe image: a fixed raw image, and the features of a backbone on it."""

import contextlib

import torch
from torch import nn

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.compat import without_tf32
from cds_mm.modes import evaluation_mode

SIDE = 128


def raw_image(channel_order: str = 'rgb') -> torch.Tensor:
    """The synthetic photograph that every check looks at.

    Integer arithmetic only, so that it is the same on every machine.  Each
    channel has slopes, edges and a mean of its own: swapped channels, other
    statistics, another stride or a missing max-pool all change what a
    network makes of it.

    Args:
        channel_order (str): 'rgb' or 'bgr'.

    Returns:
        torch.Tensor: uint8, (3, 128, 128), values 0 to 255.
    """
    y = torch.arange(SIDE).view(-1, 1).expand(SIDE, SIDE)
    x = torch.arange(SIDE).view(1, -1).expand(SIDE, SIDE)
    red = (3 * x + y) % 256
    green = (x * x // 64 + 2 * y + 40) % 200
    blue = 10 + 60 * ((x // 12 + y // 20) % 2) + x * y // 160
    image = torch.stack([red, green, blue]).clamp(0, 255).to(torch.uint8)
    return image if channel_order == 'rgb' else image.flip(0)


def normalised_image(record: BackboneRecord) -> torch.Tensor:
    """The raw image as the recorded network sees it.

    Args:
        record (BackboneRecord): Its channel order, mean and std count, the
            last two on 0 to 255 and in the network's channel order.

    Returns:
        torch.Tensor: float32, (1, 3, 128, 128).
    """
    image = raw_image(record.known_order).float()
    mean = torch.tensor(record.mean).view(-1, 1, 1)
    std = torch.tensor(record.std).view(-1, 1, 1)
    return ((image - mean) / std).unsqueeze(0)


def stage_features(
    backbone: nn.Module, inputs: torch.Tensor
) -> dict[int, torch.Tensor]:
    """What each stage computes, in evaluation mode and full fp32.

    The backbone is left as it was found: the mode of every module, its
    buffers and its ``out_indices``.

    Args:
        backbone (nn.Module): Of MMPretrain or MMDetection.
        inputs (torch.Tensor): float32, (1, 3, H, W), normalised.

    Returns:
        dict[int, torch.Tensor]: Stage index, from 0, to (C, h, w), float32
        on the CPU.  All stages where the backbone has ``res_layers``, else
        those of its ``out_indices``.
    """
    with (
        torch.no_grad(),
        evaluation_mode(backbone),
        _full_precision(inputs.device.type),
        _every_stage(backbone) as indices,
    ):
        outputs = backbone(inputs)
    if isinstance(outputs, torch.Tensor):
        outputs = (outputs,)
    if getattr(backbone, 'output_img', False):  # DetectoRS puts it in front
        outputs = outputs[1:]
    if indices is None or len(indices) != len(outputs):
        indices = range(len(outputs))
    return {
        index: _as_map(output[0].float().cpu())
        for index, output in zip(indices, outputs, strict=True)
    }


def _as_map(feature: torch.Tensor) -> torch.Tensor:
    """(C, h, w) also of a pooled vector (ConvNeXt) and of tokens."""
    while feature.dim() < 3:
        feature = feature.unsqueeze(-1)
    return feature


@contextlib.contextmanager
def _full_precision(device_type: str):
    """Without TF32 and autocast, which cost three decimal digits."""
    with without_tf32(), torch.autocast(device_type, enabled=False):
        yield


def _are_names(layers) -> bool:
    names = isinstance(layers, list) and bool(layers)
    return names and all(isinstance(name, str) for name in layers)


@contextlib.contextmanager
def _every_stage(backbone):
    """Makes a ResNet return all its stages; yields their indices.

    And a MobileNet, which keeps the names of its layers as a ResNet does.
    """
    before = getattr(backbone, 'out_indices', None)
    layers = getattr(backbone, 'res_layers', None)
    named = getattr(backbone, 'layers', None)
    if layers is None and _are_names(named):
        layers = named
    if layers is None or before is None:
        yield before
        return
    backbone.out_indices = tuple(range(len(layers)))
    try:
        yield backbone.out_indices
    finally:
        backbone.out_indices = before
