"""Images that are missing or broken, found before the first step."""

from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process

from cds_mm.config import named_leaves
from cds_mm.data.image_scan import AUTOMATIC, Scan, scan_images
from cds_mm.data.labels import leaf_datasets
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# This share of images with boxes in the wrong place changes no result.
_FEW = 0.01


def places_of(cfg, split: str, dataset: Any) -> list[tuple[str, Any]]:
    """The built data sets of a split with their keys in the config."""
    key = f'{split}_dataloader.dataset'
    leaves = leaf_datasets(dataset)
    keys = [
        place for place, _ in named_leaves(cfg[key.split('.')[0]].dataset, key)
    ]
    if len(keys) != len(leaves):  # one that makes others, or holds them
        keys = [f'{key}#{i}' for i in range(len(leaves))]
        keys = keys if keys[1:] else [key]
    return list(zip(keys, leaves, strict=True))


def scan_all(
    found: list[tuple[str, Any]], limit: int | None = AUTOMATIC
) -> list[Scan]:
    """Scan data sets; with several ranks the first reads for all.

    Args:
        found: of :func:`places_of`.
        limit: as of :func:`scan_images`.
    """
    scans: list[Any] = [None]
    if is_main_process():
        scans = [[scan_images(leaf, limit) for _, leaf in found]]
    broadcast_object_list(scans)
    return scans[0]


def check_scan(place: str, scan: Scan, is_coco: bool = True) -> None:
    """Say what a scan has found.

    Args:
        place: key of the data set in the config.
        scan: of it.
        is_coco: whether the sizes are those of a COCO file. Other sets, such
            as VOC, are known to state a few wrongly.

    Raises:
        UserError: images are missing or cannot be read, and are not to be
            skipped; or they are of another size than is stated.
    """
    trains = place.startswith('train')
    if scan.missing and not (trains and scan.skips_missing):
        raise UserError(
            f'{place}: {_some(scan.missing, scan)} not on the disk, the '
            f'first is {scan.missing[0]}; set data_root and data_prefix of '
            f'{place}, or restore the files'
        )
    if scan.unreadable and not (trains and scan.skips):
        _refuse_unreadable(place, scan)
    lost = len(scan.missing) + len(scan.unreadable)
    if lost:
        first = (scan.missing or [path for path, _ in scan.unreadable])[0]
        warn(
            f'{place}: {lost:,} of {scan.images:,} images cannot be read, '
            f'the first is {first}; the loader skips them and takes others'
        )
    if scan.other_size:
        text = _of_sizes(place, scan)
        if is_coco and len(scan.other_size) > _FEW * scan.images:
            raise UserError(text)
        warn(text)


def warn_of_unread(place: str, scan: Scan, config: str) -> None:
    """Say that a large data set was not looked at."""
    warn(
        f'{place}: {scan.images:,} images are more than the {AUTOMATIC:,} '
        'that are read before a run to find broken ones; '
        f'tools/check_data.py {config} reads them once'
    )


def _refuse_unreadable(place, scan):
    path, cause = scan.unreadable[0]
    fix = 'replace or remove the file'
    if place.startswith('train'):
        step = f'{place}.pipeline.{scan.step}'
        options = f'{step}.on_error=skip'
        loader = scan.kind
        if loader != 'LoadRGBImage':
            loader = 'LoadBGRImage'
            options = f'{step}.type=cds_mm.{loader} {options}'
        fix += (
            f", or set on_error='skip' in {loader}, which skips and counts "
            f'such files: --cfg-options {options}'
        )
    names = [name for name, _ in scan.unreadable]
    raise UserError(
        f'{path}: not a whole image ({cause}); {_some(names, scan)} so in '
        f'{place}; {fix}'
    )


def _of_sizes(place, scan) -> str:
    path, stated, loaded = scan.other_size[0]
    turned = [one for one in scan.other_size if one.stated == one.loaded[::-1]]
    said = (
        f'{place}: {path} is {loaded[0]} x {loaded[1]} pixels as it is '
        f'loaded and {stated[0]} x {stated[1]} in the annotations, as are '
        f'{len(scan.other_size):,} of {scan.images:,} images'
    )
    if len(turned) == len(scan.other_size):
        return (
            f'{said}: their EXIF tag turns them; if the boxes are those of '
            'the image as it is stored, set --cfg-options '
            f'{place}.pipeline.{scan.step}.color_type='
            'color_ignore_orientation, else correct width and height'
        )
    return (
        f'{said}; take the images that the boxes were drawn on, or correct '
        'width and height'
    )


def _some(names, scan):
    be = 'are' if names[1:] else 'is'
    return f'{len(names):,} of {scan.images:,} images {be}'
