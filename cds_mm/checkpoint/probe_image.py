"""The probe image: a fixed raw image, and the features of a backbone on it."""

import contextlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.compat import without_tf32
from cds_mm.modes import evaluation_mode

SIDE = 128
# For networks that take no such image: windows larger than its maps, or
# position embeddings for one size of image.
_OTHER_SIDES = (224, 256, 384, 448, 512, 64, 32)


def raw_image(channel_order: str = 'rgb', size: int = SIDE) -> torch.Tensor:
    """The synthetic photograph that every check looks at.

    Integer arithmetic only, so that it is the same on every machine.  Each
    channel has slopes, edges and a mean of its own: swapped channels, other
    statistics, another stride or a missing max-pool all change what a
    network makes of it.

    Args:
        channel_order (str): 'rgb' or 'bgr'.
        size (int): Pixels along each side.

    Returns:
        torch.Tensor: uint8, (3, size, size), values 0 to 255.
    """
    y = torch.arange(size).view(-1, 1).expand(size, size)
    x = torch.arange(size).view(1, -1).expand(size, size)
    red = (3 * x + y) % 256
    green = (x * x // 64 + 2 * y + 40) % 200
    blue = 10 + 60 * ((x // 12 + y // 20) % 2) + x * y // 160
    image = torch.stack([red, green, blue]).clamp(0, 255).to(torch.uint8)
    return image if channel_order == 'rgb' else image.flip(0)


def normalised_image(record: BackboneRecord, size: int = SIDE) -> torch.Tensor:
    """The raw image as the recorded network sees it.

    Args:
        record (BackboneRecord): Its channel order, mean and std count, the
            last two on 0 to 255 and in the network's channel order.
        size (int): Pixels along each side.

    Returns:
        torch.Tensor: float32, (1, 3, size, size).
    """
    image = raw_image(record.known_order, size).float()
    mean = torch.tensor(record.mean).view(-1, 1, 1)
    std = torch.tensor(record.std).view(-1, 1, 1)
    return ((image - mean) / std).unsqueeze(0)


def probe_sizes(record: BackboneRecord) -> list[int]:
    """The sizes of the probe image, in the order in which they are tried.

    Args:
        record (BackboneRecord): An ``img_size`` that it has is one of them.
    """
    own = record.backbone.get('img_size')
    own = own if isinstance(own, list | tuple) else [own]
    fixed = [size for size in own[:1] if isinstance(size, int)]
    usual = [size for size in fixed if 0 < size <= max(_OTHER_SIDES)]
    return [*dict.fromkeys([SIDE, *usual, *_OTHER_SIDES])]


def sized_features(
    backbone: nn.Module, record: BackboneRecord, sizes: Iterable[int]
) -> tuple[int, dict[int, torch.Tensor]]:
    """The features of the first size of image that a backbone takes.

    Args:
        backbone (nn.Module): Of MMPretrain or MMDetection.
        record (BackboneRecord): How images are normalised.
        sizes (Iterable[int]): In the order in which they are tried.

    Returns:
        tuple[int, dict[int, torch.Tensor]]: The size, and as of
        :func:`stage_features`.

    Raises:
        Exception: What the backbone raises of the first size, if it takes
            none.
    """
    first: Exception | None = None
    for size in sizes:
        try:
            inputs = normalised_image(record, size)
            return size, stage_features(backbone, inputs)
        except Exception as error:  # code of anyone
            first = first or error
    assert first is not None, 'no size was given'
    raise first


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
        on the CPU; (h, w, C) where the backbone has it so.  All stages where
        it has ``res_layers``, else those of its ``out_indices``.
    """
    with (
        torch.no_grad(),
        evaluation_mode(backbone),
        _full_precision(inputs.device.type),
        every_stage(backbone) as indices,
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
def every_stage(backbone):
    """Makes a ResNet return all its stages; yields their indices.

    And a MobileNet, which keeps the names of its layers as a ResNet does.
    """
    before = getattr(backbone, 'out_indices', None)
    layers = getattr(backbone, 'res_layers', None)
    named = getattr(backbone, 'layers', None)
    if layers is None and _are_names(named):
        layers = named
    if layers is None or before is None:
        yield _of_timm(backbone) if before is None else before
        return
    backbone.out_indices = tuple(range(len(layers)))
    try:
        yield backbone.out_indices
    finally:
        backbone.out_indices = before


def _of_timm(backbone: Any) -> list[int] | None:
    """Which stages MMPretrain's wrapper of a timm network gives."""
    wrapped = getattr(backbone, 'timm_model', None)
    info: Any = getattr(wrapped, 'feature_info', None)
    if not hasattr(info, 'out_indices'):
        return None
    return [index % len(info) for index in info.out_indices]
