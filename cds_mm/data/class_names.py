"""Whether a label means the same class in two places."""

import re
from collections.abc import Sequence

from mmengine.dataset import BaseDataset

from cds_mm.errors import UserError

# Codes of ImageNet's classes; the host's own data set has readable names.
_SYNSET = re.compile(r'n\d{8}')
# Names in a message, so that it stays one line.
_SHOWN = 20


class ClassesError(UserError):
    """Data of other classes than those that a network was trained on."""


def class_names(dataset) -> tuple[str, ...] | None:
    """Names of the classes of a built data set, None where they are unknown.

    Args:
        dataset: of MMEngine, wrapped or not.
    """
    return _names((getattr(dataset, 'metainfo', None) or {}).get('classes'))


def trained_classes(meta: dict) -> tuple[str, ...] | None:
    """Names of the classes that a checkpoint was trained on, by label.

    Args:
        meta: of the checkpoint; that of other programs has none.
    """
    dataset_meta = meta.get('dataset_meta')
    if not isinstance(dataset_meta, dict):
        dataset_meta = {}
    # The second and the third are those of hosts before MMEngine.
    return (
        _names(dataset_meta.get('classes'))
        or _names(dataset_meta.get('CLASSES'))
        or _names(meta.get('CLASSES'))
    )


def _names(value) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    return tuple(map(str, value))


def same_names(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists name the same classes in the same order.

    Spelling in capitals and underscores does not matter, and ImageNet's codes
    cannot be compared with its names.
    """
    if len(one) != len(other):
        return False
    if [*map(_plain, one)] == [*map(_plain, other)]:
        return True
    return _coded(one) != _coded(other) and len(one) == 1000


def _plain(name: str) -> str:
    return re.sub(r'[\s_-]+', ' ', name).casefold().strip()


def _coded(names: Sequence[str]) -> bool:
    return all(_SYNSET.fullmatch(name) for name in names)


def shown_classes(names: Sequence[str]) -> str:
    """A tuple of names for a command line, without spaces; '' for many."""
    if len(names) > _SHOWN or any("'" in name for name in names):
        return ''
    inner = ','.join(map(repr, names))
    return f'({inner},)' if len(names) == 1 else f'({inner})'


def check_trained_classes(
    known: Sequence[str], given: Sequence[str], owner: str, where: str
) -> None:
    """See that data has the classes that a network was trained on.

    Args:
        known: those of the network, by label.
        given: those of the data, by label.
        owner: whose network, for people.
        where: the key of the data set in the config.

    Raises:
        ClassesError: others, or another order; one line.
    """
    if same_names(known, given):
        return
    odd = [name for name in given if name not in set(known)]
    what = 'in another order'
    if odd:
        what = f'of which {odd[0]!r} is none of them'
    elif len(given) != len(known):
        gone = next(name for name in known if name not in set(given))
        what = f'without {gone!r}, so that the labels behind it shift'
    shown = shown_classes(known)
    way = f'{where}.metainfo.classes="{shown}"'
    if not shown:
        way = f'{where}.metainfo.classes to the names in its dataset_meta'
    if len(odd) == len(given) == len(known):
        fix = f'if these are the same classes in this order, set {way}'
    elif odd:
        fix = f'use images of its classes, {shown or "and no others"}'
    else:
        fix = f'set {way}'
    raise ClassesError(
        f'{owner}: was trained on {len(known)} classes, {where} has '
        f'{len(given)}, {what}; {fix}'
    )


def check_same_classes(train: BaseDataset, val: BaseDataset) -> None:
    """Check that a label means the same class in both data sets.

    A validation folder that lacks one class shifts the labels of all classes
    behind it, and nothing else would tell.

    Raises:
        UserError: the classes differ; it names one.
    """
    named = [data.metainfo.get('classes') for data in (train, val)]
    if None in named or tuple(named[0]) == tuple(named[1]):
        return
    odd = sorted(set(named[0]) ^ set(named[1]))
    what = f'such as {odd[0]!r}' if odd else 'in their order'
    raise UserError(
        f'training has {len(named[0])} classes and validation '
        f'{len(named[1])}, which differ, {what}; use the same class folders '
        'in both, or give metainfo.classes to both data sets'
    )
