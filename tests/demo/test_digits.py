"""The demo's data: disjoint parts, true boxes, valid COCO."""

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from cds_mm.demo.digits import (
    SCENE,
    background,
    draw,
    free_places,
    load_scans,
    split_scans,
    write_scenes,
    write_singles,
)
from cds_mm.testing import fresh_seed

pytest.importorskip('sklearn')


def test_parts_are_disjoint_and_stratified():
    scans, labels = load_scans()
    assert scans.shape == (1797, 8, 8)
    assert scans.min() >= 0 and scans.max() == 1
    parts = split_scans(labels, (0.5, 0.3, 0.2), fresh_seed())
    together = np.concatenate(parts)
    assert sorted(together) == list(range(1797))
    for part, share in zip(parts, (0.5, 0.3, 0.2), strict=True):
        for digit in range(10):
            of_digit = (labels == digit).sum()
            drawn = (labels[part] == digit).sum()
            assert drawn == pytest.approx(share * of_digit, abs=1)


def test_the_box_is_where_the_picture_changed():
    rng = np.random.default_rng(fresh_seed())
    scans, _ = load_scans()
    for _ in range(20):
        image = background(SCENE, rng)
        before = image.astype(int)
        side = int(rng.integers(28, 57))
        place = rng.integers(0, SCENE - side + 1, 2)
        scan = scans[rng.integers(len(scans))]
        x, y, width, height = draw(image, scan, side, place, rng)
        changed = np.abs(image.astype(int) - before).max(2)
        outside = changed.copy()
        outside[y : y + height, x : x + width] = 0
        # Ink below a fifth may bleed over the edge, strong ink may not.
        assert outside.max() <= 0.2 * 255 + 1
        for edge in (
            changed[y, x : x + width],
            changed[y + height - 1, x : x + width],
            changed[y : y + height, x],
            changed[y : y + height, x + width - 1],
        ):
            assert edge.max() > 0


def test_places_do_not_overlap():
    rng = np.random.default_rng(fresh_seed())
    for _ in range(50):
        canvas = np.zeros((SCENE, SCENE), int)
        for (x, y), side in free_places(4, rng):
            canvas[y : y + side, x : x + side] += 1
        assert canvas.max() == 1


def test_scenes_are_valid_coco(tmp_path):
    seed = fresh_seed()
    scans, labels = load_scans()
    indices = np.arange(100)
    write_scenes(tmp_path, 'train', scans, labels, indices, 6, seed)
    coco = COCO(str(tmp_path / 'train.json'))
    assert len(coco.imgs) == 6
    drawn = {labels[i] for i in indices}
    for image_id, info in coco.imgs.items():
        picture = cv2.imread(str(tmp_path / 'train' / info['file_name']))
        assert picture.shape == (info['height'], info['width'], 3)
        boxes = coco.loadAnns(coco.getAnnIds(image_id))
        assert 1 <= len(boxes) <= 4
        for box in boxes:
            x, y, width, height = box['bbox']
            assert min(x, y) >= 0 and width > 0 and height > 0
            assert x + width <= SCENE and y + height <= SCENE
            name = coco.cats[box['category_id']]['name']
            assert int(name) in drawn
    again = tmp_path / 'again'
    write_scenes(again, 'train', scans, labels, indices, 6, seed)
    assert json.loads((again / 'train.json').read_text()) == json.loads(
        (tmp_path / 'train.json').read_text()
    )


def test_singles_are_class_folders(tmp_path):
    scans, labels = load_scans()
    write_singles(tmp_path, scans, labels, [0, 1, 2], 2, fresh_seed())
    found = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob('*.png'))
    assert len(found) == 6
    assert {path.parts[0] for path in found} == {
        str(labels[i]) for i in range(3)
    }
