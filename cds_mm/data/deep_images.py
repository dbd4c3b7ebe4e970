"""Images of more than 8 bits: their values, and how they are scaled."""

import io

import cv2
import numpy as np
from PIL import Image, ImageOps

_PNG = b'\x89PNG\r\n\x1a\n'
_DEPTH = 24  # where a PNG file says how many bits a sample has
_BITS_PER_SAMPLE = 258  # the tag of TIFF
_FULL = 2**16 - 1
# Of the range: what 14-bit cameras fill of 16 bits.
_FILLED = 0.25


def deep_values(data: bytes) -> np.ndarray | None:
    """The samples of an image of 16 or 32 bits; None for all others.

    Args:
        data: the file.

    Returns:
        (H, W) or RGB (H, W, 3), integers or floating-point numbers.
    """
    with Image.open(io.BytesIO(data)) as image:
        if image.mode[0] in 'IF':
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(image)
        if not _is_deep_colour(data, image):
            return None
    # Pillow gives the high bytes alone.
    values = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR
    )
    return None if values is None else values[..., ::-1]


def _is_deep_colour(data, image) -> bool:
    if data.startswith(_PNG):
        return data[_DEPTH] > 8
    tags = getattr(image, 'tag_v2', {})
    return max(tags.get(_BITS_PER_SAMPLE) or (8,)) > 8


def scaled(values: np.ndarray, white: float) -> np.ndarray:
    """Make ``white`` 255 and what is above it, too.

    Args:
        values: as of :func:`deep_values`.
        white: the value that becomes 255.

    Returns:
        RGB uint8 (H, W, 3).
    """
    levels = np.rint(values.astype(np.float64) * (255 / white))
    pixels = np.nan_to_num(levels).clip(0, 255).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, 2)
    return np.ascontiguousarray(pixels)


def missed_range(largest: float) -> str:
    """What is wrong with keeping the high byte of samples up to a value.

    Args:
        largest: of all samples of some images.

    Returns:
        '' where the samples fill 16 bits.
    """
    if largest > _FULL:
        return 'are cut at 65,535 and come out white'
    if largest <= _FULL * _FILLED:
        return 'come out nearly black'
    return ''


def white_of(largest: float) -> int:
    """The end of the range of bits that a value is in, e.g. 4095."""
    return 2 ** max(8, int(largest).bit_length()) - 1
