"""Images that are in the data twice: with two labels, or in two splits."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from cds_mm.data.labels import dataset_labels
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# Of the images that are judged: fewer in the training data too move no score.
_FEW = 0.01


class Part(NamedTuple):
    """A data set whose files were read.

    Attributes:
        place: its key in the config.
        leaf: the built data set, no wrapper.
        digests: of each image in its order; '' for one that was not read.
    """

    place: str
    leaf: Any
    digests: Sequence[str]

    def path(self, number: int) -> str:
        """The file of an image."""
        return self.leaf.get_data_info(number)['img_path']


def warn_of_equal_images(parts: Sequence[Part], has_labels: bool) -> None:
    """Warn of files with the same bytes that contradict each other.

    Args:
        parts: the data sets of a run.
        has_labels: whether each image has one label.
    """
    if has_labels:
        for split in dict.fromkeys(map(_split, parts)):
            _warn_of_two_labels([p for p in parts if _split(p) == split])
    trained = {
        digest: (part, number)
        for part in parts
        if _split(part) == 'train'
        for number, digest in enumerate(part.digests)
        if digest
    }
    for part in parts:
        if _split(part) != 'train':
            # Of detection, the files themselves were compared already.
            _warn_of_trained(part, trained, same_files=has_labels)


def count_copies(part: Part) -> int:
    """How many files of a data set are the same as others of its files."""
    digest_of = {
        part.path(number): digest
        for number, digest in enumerate(part.digests)
        if digest
    }
    return len(digest_of) - len(set(digest_of.values()))


def _split(part: Part) -> str:
    return part.place.partition('_')[0]


def _warn_of_two_labels(parts):
    labels: dict[str, dict[int, tuple[Part, int]]] = defaultdict(dict)
    for part in parts:
        try:
            known = dataset_labels(part.leaf)
        except (KeyError, TypeError, ValueError, UserError):  # without labels
            continue
        for number, digest in enumerate(part.digests):
            if digest and known[number] >= 0:
                label = int(known[number])
                labels[digest].setdefault(label, (part, number))
    odd = [found for found in labels.values() if len(found) > 1]
    if not odd:
        return
    (one, (part, number)), (other, (its, place)) = [*odd[0].items()][:2]
    path, its_path = part.path(number), its.path(place)
    said = f'{path} is there with the labels {one} and {other}'
    if path != its_path:
        said = f'{path} (label {one}) and {its_path} ({other}) are one image'
    warn(
        f'{part.place}: {len(odd):,} images have more than one label, such '
        f'as: {said}; leave the right one'
    )


def _warn_of_trained(part, trained, same_files: bool):
    if not trained or not len(part.digests):
        return

    def counts(number, digest):
        if digest not in trained:
            return False
        its, place = trained[digest]
        return same_files or part.path(number) != its.path(place)

    shared = [n for n, d in enumerate(part.digests) if counts(n, d)]
    if len(shared) <= _FEW * len(part.digests):
        return
    number = shared[0]
    its, place = trained[part.digests[number]]
    path, its_path = part.path(number), its.path(place)
    same = '' if path == its_path else f', there as {its_path}'
    warn(
        f'{part.place}: {len(shared):,} of {len(part.digests):,} images are '
        f'in {its.place} too, the first is {path}{same}; the score says '
        'little about images that were not trained on'
    )
