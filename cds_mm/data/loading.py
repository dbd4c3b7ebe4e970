"""Reading an image file as RGB, with errors that name the file."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio
from mmpretrain.registry import TRANSFORMS
from PIL import Image, ImageOps, UnidentifiedImageError

from cds_mm.arguments import Count, Positive, checked
from cds_mm.data.deep_images import deep_values, scaled
from cds_mm.data.jpeg import decode_jpeg
from cds_mm.data.skips import SkipCount
from cds_mm.errors import UserError, message


@TRANSFORMS.register_module()
class LoadRGBImage(BaseTransform):
    """Read ``img_path`` into ``img``, RGB uint8 (H, W, 3).

    The pixels are PIL's, which reports a truncated file; OpenCV fills the
    rest with grey and says nothing.  Like OpenCV's colour mode, this turns
    the image as its EXIF tag says, drops alpha, repeats grey in three
    channels and keeps the high byte of 16-bit samples.

    A sample that has ``img`` already keeps it: MMPretrain's CIFAR gives RGB
    arrays, and so one pipeline serves files and pickles.

    Args:
        on_error (str): what to do with a file that is missing or no whole
            image. 'raise' names it in a UserError. 'skip' counts it, and the
            dataset draws another sample; which one depends on the seed of
            the sample alone. Defaults to 'raise'.
        backend_args (dict, optional): file backend of MMEngine.
        keep_pixels (int, optional): decode a JPEG at 1/2, 1/4 or 1/8 of its
            sides as long as this many pixels are left, for a recipe that
            would shrink them anyway. Defaults to None: at full size.
        white (float, optional): the value of 16- and 32-bit samples that
            becomes 255, e.g. 4095 for those of a 12-bit camera, or 1 for
            floating-point images. Defaults to None: the high byte of 16 bits.
    """

    @checked
    def __init__(
        self,
        on_error: Literal['raise', 'skip'] = 'raise',
        backend_args: dict | None = None,
        keep_pixels: Count | None = None,
        white: Positive | None = None,
    ):
        self.on_error = on_error
        self.backend_args = backend_args
        self.keep_pixels = keep_pixels
        self.skips = SkipCount() if on_error == 'skip' else None
        self.white = white

    def skipped_count(self) -> int:
        """Files skipped so far, by this process and all of its workers."""
        return 0 if self.skips is None else self.skips.total()

    def transform(self, results: dict) -> dict | None:
        """Add ``img``, ``img_shape`` and ``ori_shape`` (H, W).

        Raises:
            UserError: the file is missing or no whole image, under 'raise'.
        """
        if 'img' not in results:
            image = self._load_or_skip(results['img_path'])
            if image is None:
                return None
            results['img'] = image
        shape = results['img'].shape[:2]
        results['img_shape'] = results['ori_shape'] = shape
        return results

    def _load_or_skip(self, path: str) -> np.ndarray | None:
        try:
            return read_rgb(
                path, self.backend_args, self.keep_pixels, self.white
            )
        except UserError:
            if self.skips is None:  # on_error='raise'
                raise
        self.skips.add()
        return None

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(on_error={self.on_error!r}, '
            f'keep_pixels={self.keep_pixels})'
        )


def read_rgb(
    path: str | Path,
    backend_args: dict | None = None,
    keep_pixels: int | None = None,
    white: float | None = None,
) -> np.ndarray:
    """Read an image file.

    Args:
        path: the file, in any place that MMEngine's backends read.
        backend_args: file backend of MMEngine.
        keep_pixels: as of :func:`cds_mm.data.jpeg.decode_jpeg`.
        white: as of :class:`LoadRGBImage`.

    Returns:
        RGB uint8 (H, W, 3).

    Raises:
        UserError: the file is missing, or no whole image.
    """
    try:
        data = fileio.get(path, backend_args=backend_args)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror or error}); restore '
            'the file or take it out of the annotation file'
        ) from error
    image = decode_jpeg(data, keep_pixels)
    if image is not None:
        return image
    try:
        return _decode(data, white)
    # PIL's decoders raise these, SyntaxError for broken PNG chunks.
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise UserError(
            f'{path}: not a whole image ({_cause(error)}); replace or remove '
            "the file, or set on_error='skip' in LoadRGBImage"
        ) from error


def _cause(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        # Its own text names a buffer in memory.
        return 'of no known format'
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f'it has more than the {most:,} pixels that Pillow reads'
    return ' '.join(message(error).split())


def _decode(data: bytes, white: float | None) -> np.ndarray:
    values = None if white is None else deep_values(data)
    if white is not None and values is not None:
        return scaled(values, white)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == 'F':
            raise ValueError(
                'its pixels are floating-point numbers, which LoadRGBImage '
                'scales with white=1, or whatever is white'
            )
        if image.mode.startswith('I'):
            # PIL would clip 16-bit grey at 255 and make it white.
            high = np.asarray(image).astype(np.int64) >> 8
            image = Image.fromarray(high.clip(0, 255).astype(np.uint8))
        return np.array(image if image.mode == 'RGB' else image.convert('RGB'))
