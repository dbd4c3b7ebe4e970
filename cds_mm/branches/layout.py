"""Feature maps as (N, C, H, W), also of a backbone that gives (N, H, W, C)."""

from collections.abc import Callable
from typing import Literal

from torch import Size, Tensor, nn

from cds_mm.errors import UserError

Layout = Literal['NCHW', 'NHWC']
Maps = dict[str, Tensor]
# Which axes of a map move with the size of the image.
_SPATIAL: dict[tuple[int, ...], Layout] = {(2, 3): 'NCHW', (1, 2): 'NHWC'}


def give_channels_first(
    backbone: nn.Module, maps: Maps, probe: Callable[[int], Maps], size: int
) -> Maps:
    """Let a backbone give (N, C, H, W) from now on, to everything after it.

    What it gives is seen in the shape of its maps.  Where channels and cells
    are as many, the library is asked, then images of another size.

    Args:
        backbone: that has given ``maps``.
        maps: of a square image, by stage.
        probe: gives the maps of an image of another size; may raise anything.
        size: pixels along a side of the image.

    Returns:
        dict: the maps as the backbone gives them from now on.

    Raises:
        UserError: it cannot be told, or stages differ.
    """
    if _channels_first in backbone._forward_hooks.values():
        return maps
    layouts = {name: _by_shape(one.shape) for name, one in maps.items()}
    known = _by_library(backbone)
    if None in layouts.values() and not known:
        other = _maps_of_another_size(probe, size)
        for name, layout in layouts.items():
            if layout is None and name in other:
                pair = maps[name].shape, other[name].shape
                layouts[name] = _by_two_sizes(*pair)
    found = {name: layout or known for name, layout in layouts.items()}
    _check_layouts(backbone, found, maps, size)
    if set(found.values()) != {'NHWC'}:
        return maps
    backbone.register_forward_hook(_channels_first)
    return {name: _permuted(one) for name, one in maps.items()}


def _by_shape(shape: Size) -> Layout | None:
    # The image is square, and so are its maps.
    _, first, second, third = shape
    if second == third and first != second:
        return 'NCHW'
    if first == second and second != third:
        return 'NHWC'
    return None


def _by_two_sizes(one: Size, other: Size) -> Layout | None:
    pairs = enumerate(zip(one, other, strict=True))
    moved = tuple(axis for axis, (a, b) in pairs if a != b)
    return _SPATIAL.get(moved)


def _by_library(backbone: nn.Module) -> Layout | None:
    # Timm's networks say it.  Those inside of them, as a patch embedding, say
    # what they give themselves.
    for module in (backbone, *backbone.children()):
        said = getattr(module, 'output_fmt', None)
        said = getattr(said, 'value', said)
        for layout in _SPATIAL.values():
            if said == layout:
                return layout
    return None


def _maps_of_another_size(probe, size: int) -> Maps:
    for other in (size // 2, size * 2):
        try:
            return probe(other)
        except Exception:  # a network for images of one size
            continue
    return {}


def _check_layouts(backbone, found, maps, size):
    who = type(backbone).__name__
    for name, layout in found.items():
        if layout is None:
            shape = tuple(maps[name].shape[1:])
            raise UserError(
                f'{who}: its map of {name} is {shape} for an image of '
                f'{size} x {size}, which may be (C, H, W) or (H, W, C); let '
                'it return (N, C, H, W)'
            )
    if len(set(found.values())) > 1:
        named = ', '.join(f'{name} {one}' for name, one in found.items())
        raise UserError(
            f'{who}: its maps have different layouts ({named}); let it '
            'return (N, C, H, W)'
        )


def _channels_first(module, inputs, outputs):
    if isinstance(outputs, Tensor):
        return _permuted(outputs)
    return tuple(map(_permuted, outputs))


def _permuted(one: Tensor) -> Tensor:
    """(N, H, W, C) to (N, C, H, W)."""
    return one.permute(0, 3, 1, 2)
