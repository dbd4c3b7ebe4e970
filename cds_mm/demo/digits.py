"""Single digits and scenes of digits, drawn from scikit-learn's scans."""

import json
from pathlib import Path

import cv2
import numpy as np

from cds_mm.optional import extra

SMALLEST, LARGEST = 28, 56  # pixels of a drawn digit
SCENE, SINGLE = 128, 64  # pixels of a scene's and a single's sides


def load_scans() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits that come with scikit-learn.

    Returns:
        tuple: (1797, 8, 8) float32 ink in [0, 1], and (1797,) int64 digits.

    Raises:
        UserError: scikit-learn is not installed.
    """
    scans = extra('sklearn.datasets').load_digits()
    return scans.images.astype(np.float32) / 16, scans.target


def split_scans(
    labels: np.ndarray, shares: tuple[float, ...], seed: int
) -> list[np.ndarray]:
    """Disjoint index arrays, each with the same share of every digit.

    What one part trains on no other part ever sees.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in shares]
    for digit in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == digit))
        cuts = np.round(np.cumsum(shares) * len(order)).astype(int)
        pieces = np.split(order, cuts)[: len(shares)]
        for part, piece in zip(parts, pieces, strict=True):
            part.extend(piece)
    return [np.array(sorted(part)) for part in parts]


def write_singles(
    folder: Path, scans, labels, indices, copies: int, seed: int
) -> None:
    """Write ``folder/<digit>/*.png``, each scan drawn ``copies`` times."""
    rng = np.random.default_rng(seed)
    for index in indices:
        home = folder / str(labels[index])
        home.mkdir(parents=True, exist_ok=True)
        for copy in range(copies):
            image = background(SINGLE, rng)
            side = int(rng.integers(SMALLEST, LARGEST + 1))
            place = rng.integers(0, SINGLE - side + 1, 2)
            draw(image, scans[index], side, place, rng)
            cv2.imwrite(str(home / f'{index:04}_{copy}.png'), image)


def write_scenes(
    folder: Path, name: str, scans, labels, indices, count: int, seed: int
) -> None:
    """Write ``folder/name/*.png`` and ``folder/name.json`` in COCO format.

    A scene holds one to four digits that do not overlap.
    """
    rng = np.random.default_rng(seed)
    (folder / name).mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    for number in range(1, count + 1):
        image = background(SCENE, rng)
        for place, side in free_places(int(rng.integers(1, 5)), rng):
            index = int(rng.choice(indices))
            box = draw(image, scans[index], side, place, rng)
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number,
                    category_id=int(labels[index]) + 1,
                    bbox=[float(edge) for edge in box],
                    area=float(box[2] * box[3]),
                    iscrowd=0,
                )
            )
        file_name = f'{number:04}.png'
        cv2.imwrite(str(folder / name / file_name), image)
        images.append(
            dict(id=number, file_name=file_name, width=SCENE, height=SCENE)
        )
    categories = [dict(id=digit + 1, name=str(digit)) for digit in range(10)]
    text = json.dumps(
        dict(images=images, annotations=annotations, categories=categories)
    )
    (folder / f'{name}.json').write_text(text)


def background(side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8: soft coloured blotches and some grain."""
    coarse = rng.integers(20, 140, (4, 4, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 8, (side, side, 3))
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


def draw(image, scan, side: int, place, rng) -> tuple[int, int, int, int]:
    """Paint a scan into ``image``, in place, in a random bright colour.

    Returns:
        tuple: x, y, width, height of the ink, in pixels.
    """
    ink = cv2.resize(scan, (side, side), interpolation=cv2.INTER_CUBIC)
    ink = np.clip(ink, 0, 1)[..., None]
    x, y = (int(edge) for edge in place)
    patch = image[y : y + side, x : x + side]
    colour = rng.integers(170, 256, 3)
    patch[:] = (ink * colour + (1 - ink) * patch).astype(np.uint8)
    rows, columns = np.nonzero(ink[..., 0] > 0.2)
    left, top = int(columns.min()), int(rows.min())
    width = int(columns.max()) - left + 1
    height = int(rows.max()) - top + 1
    return x + left, y + top, width, height


def free_places(count: int, rng):
    """Up to ``count`` squares of a scene that do not overlap."""
    taken: list[tuple[np.ndarray, int]] = []
    for _ in range(50):
        if len(taken) == count:
            break
        side = int(rng.integers(SMALLEST, LARGEST + 1))
        place = rng.integers(0, SCENE - side + 1, 2)
        if all(_apart(place, side, *other) for other in taken):
            taken.append((place, side))
    return taken


def _apart(a, side_a, b, side_b):
    return bool(np.any(a + side_a <= b) or np.any(b + side_b <= a))
