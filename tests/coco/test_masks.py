"""Masks of an annotation file, where they are loaded."""

import numpy as np
import pytest
from herds import config, save, write_herd
from pycocotools import mask

from cds_mm.coco import check_annotation_files
from cds_mm.errors import UserError
from cds_mm.run_warnings import warnings_so_far


def polygon(entry, width=1.0, height=1.0, shift=0.0):
    x, y, w, h = entry['bbox']
    corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    return [[v for x, y in corners for v in ((x + shift) / width, y / height)]]


def run_lengths(entry, size=(30, 40), compressed=False):
    pixels = np.zeros(size, np.uint8, order='F')
    x, y, w, h = entry['bbox']
    pixels[y : y + h, x : x + w] = 1
    if compressed:
        code = mask.encode(pixels)
        return dict(size=code['size'], counts=code['counts'].decode())
    flat = np.r_[0, pixels.ravel(order='F'), 0].astype(int)
    ends = np.r_[0, np.flatnonzero(np.diff(flat)), flat.size - 2]
    return dict(size=list(size), counts=np.diff(ends).tolist())


def check(root, make, rows=slice(None)):
    write_herd(root, 'val')
    content = write_herd(root, 'train', seed=1)
    for entry in content['annotations']:
        entry['segmentation'] = polygon(entry)
    for entry in content['annotations'][rows]:
        entry['segmentation'] = make(entry)
    save(root, 'train', content)
    cfg = config(root)
    check_annotation_files(cfg, ('train', 'val'))
    assert not warnings_so_far()  # where no masks are loaded
    cfg.train_dataloader.dataset.pipeline[1].with_mask = True
    check_annotation_files(cfg, ('train', 'val'))


@pytest.mark.parametrize(
    'make',
    [
        polygon,
        run_lengths,
        lambda entry: run_lengths(entry, compressed=True),
        lambda entry: [[1, 2, 3], *polygon(entry)],
        lambda entry: polygon(entry, shift=2.5),
    ],
)
def test_sound_masks(tmp_path, make):
    check(tmp_path, make)
    assert not warnings_so_far()


@pytest.mark.parametrize(
    ('make', 'rows', 'said'),
    [
        (str, slice(2, 3), "[2] (id 3): has a malformed 'segmentation' (1 "),
        (lambda e: polygon(e)[0], slice(2, None), "has a malformed 'segm"),
        (lambda e: dict(counts=[3]), slice(2, 4), "'segmentation' (2 in al"),
        (lambda e: [['1'] * 6], slice(2, 4), "'segmentation' (2 in all); w"),
        (
            lambda e: run_lengths(e, (40, 40)),
            slice(2, 3),
            'of an image of another size, (40.0, 40.0), in',
        ),
        (lambda e: [[1, 2, 3, 4]], slice(None), 'no polygon of three points'),
        (lambda e: polygon(e, 40, 30), slice(None), 'in shares of the image'),
        (lambda e: polygon(e, shift=60), slice(None), 'outside of its box ('),
    ],
)  # fmt: skip
def test_masks_that_are_none(tmp_path, make, rows, said):
    with pytest.raises(UserError) as error:
        check(tmp_path, make, rows)
    text = str(error.value)
    assert text.startswith(f'{tmp_path}/train.json, annotations[')
    assert said in text and 'write' in text


def test_some_without_points(tmp_path):
    check(tmp_path, lambda entry: [[1, 2, 3, 4]], slice(0, 2))
    (text,) = warnings_so_far()
    assert 'no polygon of three points' in text and '(2 in all)' in text
