"""Which images of a data set keep their labels: chosen once, kept in a file.

The choice is stratified by class and a function of (seed, name of the image)
alone: neither of the number of ranks nor of the version of any library.  All
ratios of a seed are nested: the 10 % are part of the 20 %.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from mmpretrain.datasets import BaseDataset

from cds_mm.errors import UserError
from cds_mm.files import atomic_write


@dataclass(frozen=True)
class LabelSplit:
    """The labelled images of a data set.

    Attributes:
        dataset: its type, for people.
        images: how many of its images have a class at all.
        digest: SHA-256 of their places, names and classes.
        ratio: share of each class that was asked for.
        seed: of the choice.
        labelled: their places in the data set, ascending.
    """

    dataset: str
    images: int
    digest: str
    ratio: float
    seed: int
    labelled: list[int]


def choose_split(dataset, ratio: float, seed: int = 0) -> LabelSplit:
    """Choose the images that keep their labels.

    Of each class it takes the nearest whole number to its share, and one
    image at least: the first in the order of a hash of (seed, name), where
    an image without a file name is called after its place.

    Args:
        dataset: a built data set of MMPretrain.
        ratio: share of each class, above 0 and up to 1.
        seed: another seed, another choice.

    Raises:
        UserError: the ratio is no share, or the data set has no classes.
    """
    check_ratio(ratio)
    labels, names = known_images(dataset)
    members: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        if label >= 0:
            members.setdefault(label, []).append(place)
    labelled = []
    for places in members.values():
        places.sort(key=lambda place: (_hash(seed, names[place]), place))
        # 0.7 x 45 is 31.4999... in floating point.
        share = int(ratio * len(places) + 0.5 + 1e-9)
        labelled += places[: max(1, share)]
    return LabelSplit(
        type(dataset).__name__,
        sum(map(len, members.values())),
        _digest(labels, names),
        ratio,
        seed,
        sorted(labelled),
    )


def known_images(dataset) -> tuple[list[int], list[str]]:
    """Class, -1 where it is not known, and name of each image, in order.

    Raises:
        UserError: it has no single class for each image.
    """
    if not isinstance(dataset, BaseDataset):
        raise UserError(
            f'{type(dataset).__name__}: is no data set of images of '
            'MMPretrain; choose labels of one, and join or repeat it then'
        )
    prefix = dataset.data_prefix.get('img_path') or ''
    labels, names = [], []
    for place, info in enumerate(_records(dataset)):
        label = info.get('gt_label')
        if not isinstance(label, (int, np.integer)):
            raise UserError(
                f'{type(dataset).__name__}: has no single class for each '
                'image; take a data set that has, with_label=True'
            )
        labels.append(int(label))
        path = info.get('img_path', str(place)).removeprefix(prefix)
        names.append(path.replace('\\', '/').lstrip('/'))
    if max(labels, default=-1) < 0:
        raise UserError(
            f'{type(dataset).__name__}: not one image has a class; name a '
            'data set with labels'
        )
    return labels, names


def _records(dataset):
    dataset.full_init()
    if dataset.serialize_data:
        return map(dataset.get_data_info, range(len(dataset)))
    # The host would copy each, which takes a while for ImageNet.
    return dataset.data_list


def check_ratio(ratio) -> None:
    """Raise a UserError where a ratio is no share."""
    number = isinstance(ratio, (int, float)) and not isinstance(ratio, bool)
    if not (number and 0 < ratio <= 1):
        raise UserError(
            f'ratio={ratio!r}: is no share of the labels; set one above 0 '
            'and up to 1, e.g. 0.1 for 10 %'
        )


def write_split(split: LabelSplit, path: str | Path) -> None:
    """Write a file to share; :func:`read_split` reads it."""
    lines = [f' "{k}": {json.dumps(v)}' for k, v in asdict(split).items()]
    text = '{\n' + ',\n'.join(lines) + '\n}\n'
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())


def read_split(path: str | Path) -> LabelSplit:
    """Read what :func:`write_split` has written.

    Raises:
        UserError: there is no such file, or it is another kind of file.
    """
    if not Path(path).is_file():
        raise UserError(
            f'{path}: no such file of labelled images; write it with '
            'tools/label_fraction.py, or set ratio and seed in place of file'
        )
    try:
        split = LabelSplit(**json.loads(Path(path).read_text()))
        split.labelled[:] = map(int, split.labelled)
        if not split.labelled:
            raise ValueError('empty')
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f'{path}: is no file of labelled images; write one with '
            'tools/label_fraction.py'
        ) from error
    return split


def check_split(split: LabelSplit, dataset, path: str | Path) -> None:
    """See that a file was made for this very data set.

    Raises:
        UserError: it is for another, or for another state of it.
    """
    labels, names = known_images(dataset)
    images = sum(label >= 0 for label in labels)
    if (split.images, split.digest) == (images, _digest(labels, names)):
        known = {place for place, label in enumerate(labels) if label >= 0}
        if known.issuperset(split.labelled):
            return
    cause = f'{split.images} images of {split.dataset}, and here are {images}'
    if split.images == images:
        cause = f'{split.dataset} with other names or classes of its images'
    raise UserError(
        f'{path}: was made for {cause}; write one for this data set with '
        'tools/label_fraction.py'
    )


def _hash(seed: int, name: str) -> bytes:
    text = f'{seed} {name}'.encode()
    return hashlib.blake2b(text, digest_size=16).digest()


def _digest(labels: list[int], names: list[str]) -> str:
    # What has no class, such as a further folder, may change freely.
    lines = (
        f'{place} {label} {name}\n'
        for place, (label, name) in enumerate(zip(labels, names, strict=True))
        if label >= 0
    )
    return hashlib.sha256(''.join(lines).encode()).hexdigest()
