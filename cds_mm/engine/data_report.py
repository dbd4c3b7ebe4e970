"""What a run learns from and is judged on: a few lines, and a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process

from cds_mm.coco.summary import sides
from cds_mm.config import is_detection
from cds_mm.data.equal_images import Part, count_copies, warn_of_equal_images
from cds_mm.data.image_scan import AUTOMATIC, Scan
from cds_mm.data.labels import dataset_labels
from cds_mm.engine.image_check import (
    check_scan,
    places_of,
    scan_all,
    warn_of_unread,
)
from cds_mm.files import atomic_write

FILE = 'data_report.json'


def report_data(
    runner: Any, splits: tuple[str, ...], annotations: dict[str, dict]
) -> None:
    """Read the images of a run once, log what its data are, and keep that.

    Args:
        runner: with its loops built.
        splits: that the run uses.
        annotations: of :func:`check_annotations_and_heads`.

    Raises:
        UserError: as of :func:`check_scan`.
    """
    found = []
    for split in splits:
        loop = getattr(runner, f'{split}_loop', None)
        if loop is not None and hasattr(loop, 'dataloader'):
            dataset = loop.dataloader.dataset
            found += places_of(runner.cfg, split, dataset)
    scans = scan_all(found)
    report = data_report(runner.cfg, found, scans, annotations)
    for (place, _), scan in zip(found, scans, strict=True):
        if not scan.complete and scan.images > AUTOMATIC:
            warn_of_unread(place, scan, runner.cfg.filename or 'CONFIG')
    for line in lines_of(report):
        runner.logger.info(line)
    if is_main_process():
        folder = Path(runner.log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / FILE, json_of(report))


def data_report(
    cfg: Any,
    found: list[tuple[str, Any]],
    scans: list[Scan],
    annotations: dict[str, dict],
) -> dict[str, dict]:
    """What built data sets hold, by their keys in the config.

    Args:
        cfg: their config.
        found: of :func:`places_of`.
        scans: of them.
        annotations: what is known of their annotation files.

    Raises:
        UserError: as of :func:`check_scan`.
    """
    report, parts = {}, []
    for (place, leaf), scan in zip(found, scans, strict=True):
        check_scan(place, scan, is_coco=place in annotations)
        facts = dict(annotations.get(place) or {})
        if not is_detection(cfg):
            facts |= _classification(leaf)
        part = Part(place, leaf, scan.digests)
        if copies := count_copies(part):
            facts['images_that_are_copies'] = copies
        report[place] = _of_images(scan) | facts
        parts.append(part)
    warn_of_equal_images(parts, has_labels=not is_detection(cfg))
    return report


def json_of(report: dict[str, dict]) -> bytes:
    """A report as a file."""
    content = json.dumps(report, indent=2, ensure_ascii=False)
    # Names of folders need not be text; JSON has an escape for such bytes.
    return content.encode(errors='backslashreplace')


def lines_of(report: dict[str, dict]) -> list[str]:
    """A line for each data set."""
    lines = (
        f'Data of {place}: {_line(facts)}' for place, facts in report.items()
    )
    # As in json_of: a log is in UTF-8.
    return [line.encode(errors='backslashreplace').decode() for line in lines]


def _of_images(scan: Scan) -> dict:
    lost = {
        'missing': len(scan.missing),
        'unreadable': len(scan.unreadable),
    }
    return {
        'images': scan.images,
        'images_were_read': scan.complete,
        'images_left_out': {key: n for key, n in lost.items() if n},
        'image_sides': sides(scan.sizes),
    }


def _classification(leaf) -> dict:
    try:
        labels = dataset_labels(leaf)
    except Exception:  # a data set without labels
        return {}
    names = leaf.metainfo.get('classes')
    counts = np.bincount(labels[labels >= 0])
    if not names or len(names) < len(counts):
        names = [*map(str, range(len(counts)))]
    counts = np.pad(counts, (0, len(names) - len(counts)))
    return {
        'classes': dict(zip(names, counts.tolist(), strict=True)),
        'images_without_label': int((labels == -1).sum()),
    }


def _line(facts) -> str:
    parts = [f'{facts["images"]:,} images{_not_read(facts)}']
    left = dict(facts['images_left_out'])
    not_used = facts.get('images_in_file', facts['images']) - facts['images']
    if not_used > 0:
        left[facts.get('images_left_out_by', 'by the filter')] = not_used
    if left:
        parts[0] += f' (left out: {_counts(left)})'
    if facts.get('images_that_are_copies'):
        parts.append(f'{facts["images_that_are_copies"]:,} copies of others')
    classes = facts.get('classes')
    if classes:
        unit = 'boxes' if 'boxes' in facts else 'images'
        least = min(classes, key=classes.get)
        most = max(classes, key=classes.get)
        parts.append(
            f'{len(classes)} classes of {classes[least]:,} ({least}) to '
            f'{classes[most]:,} ({most}) {unit}'
        )
    if facts.get('images_without_label'):
        parts.append(f'{facts["images_without_label"]:,} without a label')
    if 'boxes' in facts:
        text = f'{facts["boxes"]:,} boxes'
        if facts['boxes_left_out']:
            text += f' (left out: {_counts(facts["boxes_left_out"])})'
        parts.append(text + _range(facts['box_sides']))
    seen = facts['image_sides'] or facts.get('image_sides_in_file')
    if seen:
        parts.append(f'images{_range(seen)}')
    return ', '.join(parts)


def _not_read(facts) -> str:
    return '' if facts['images_were_read'] else ' (files not checked)'


def _counts(counts) -> str:
    return ', '.join(f'{key} {number:,}' for key, number in counts.items())


def _range(found) -> str:
    if not found:
        return ''
    low, _, middle, _, high = zip(found['width'], found['height'], strict=True)
    shown = [f'{w:g} x {h:g}' for w, h in (low, middle, high)]
    if low == high:
        return f' of {shown[0]} pixels'
    return f' of {shown[0]} to {shown[2]} pixels, median {shown[1]}'
