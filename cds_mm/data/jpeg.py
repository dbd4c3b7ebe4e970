"""JPEG files, decoded as Pillow does and faster."""

import io

import numpy as np
import simplejpeg
from PIL import Image

_START = b'\xff\xd8'
# A segment: this byte, its kind, its length in two bytes, its content.
_MARKER = b'\xff'
_APP1, _SCAN = b'\xe1', b'\xda'
_EXIF = b'Exif\x00\x00'
_ORIENTATION = 0x0112
_COLOURS = ('YCbCr', 'RGB', 'Gray')
# What libjpeg-turbo can leave out before it transforms the blocks.
_SHRINKS = (8, 4, 2)


def decode_jpeg(
    data: bytes, keep_pixels: int | None = None
) -> np.ndarray | None:
    """Decode a sound, upright JPEG; leave every other case to Pillow.

    Both use libjpeg-turbo: at full size the pixels are Pillow's, bit for bit.

    Args:
        data: the file.
        keep_pixels: decode at 1/2, 1/4 or 1/8 of the sides as long as this
            many pixels are left; None decodes at full size.

    Returns:
        RGB uint8 (H, W, 3), or None: no JPEG, a damaged one, one that is to
        be turned, one of four colours, or one that Pillow finds too large.
    """
    if not data.startswith(_START) or _is_turned(data):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        limit = Image.MAX_IMAGE_PIXELS
        if colours not in _COLOURS or (limit and height * width > limit):
            return None
        least = {}
        shrink = _shrink(height * width, keep_pixels)
        if shrink > 1:
            sides = -(-height // shrink), -(-width // shrink)
            least = dict(min_height=sides[0], min_width=sides[1], min_factor=2)
        return simplejpeg.decode_jpeg(data, 'RGB', **least)
    except ValueError:
        return None


def _is_turned(data: bytes) -> bool:
    if not _has_exif(data):
        return False
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.getexif().get(_ORIENTATION, 1) != 1
    except Exception:  # whatever it is, reading the file will tell
        return True


def _has_exif(data: bytes) -> bool:
    """Whether a segment before the pixels is one of EXIF."""
    place = len(_START)
    while data[place : place + 1] == _MARKER:
        kind = data[place + 1 : place + 2]
        if kind == _APP1 and data[place + 4 : place + 10] == _EXIF:
            return True
        if kind == _SCAN:
            return False
        place += 2 + int.from_bytes(data[place + 2 : place + 4], 'big')
    return True  # nothing that is known: a closer look


def _shrink(pixels: int, keep: int | None) -> int:
    if not keep:
        return 1
    return next((s for s in _SHRINKS if pixels >= keep * s**2), 1)
