"""Whether a label means the same class in two places.

Two questions are asked of names, and each has one rule.

*Do two lists give the same classes the same labels?*  Training against
validation and test, a checkpoint against data, a run against the one that it
resumes: :func:`same_names`.  Labels follow from the order, the names only tell
whether it is the same, so that another spelling ('Cat' and 'cat', 'polar_bear'
and 'polar bear') does not matter: other tools write it in other ways.

*Which entry has this name?*  A category of a COCO file, a class folder, an
element of an XML file: exactly, as the hosts look it up.  A name in other
capitals is not found there, and its boxes or images are lost
(:mod:`cds_mm.coco.names`, :mod:`cds_mm.coco.xml_files`, ``ClassFolder``).
"""

import re
import unicodedata
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
    found = getattr(dataset, 'metainfo', None) or {}
    # MMDetection joins data sets that differ, and keeps a list of theirs.
    every = [found] if isinstance(found, dict) else list(found)
    names = {_names(one.get('classes')) for one in every}
    return names.pop() if len(names) == 1 else None


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

    Capitals, underscores, hyphens and the Unicode form of accents do not
    matter unless two names of a list differ in these alone, and ImageNet's
    codes cannot be compared with its names.
    """
    if len(one) != len(other):
        return False
    plain = [[*map(plain_name, names)] for names in (one, other)]
    if len(set(plain[0])) < len(one):
        return [*one] == [*other]
    if plain[0] == plain[1]:
        return True
    return _coded(one) != _coded(other) and len(one) == 1000


def plain_name(name: str) -> str:
    """A name without what :func:`same_names` does not look at."""
    # File systems of macOS keep accents apart from their letters.
    name = unicodedata.normalize('NFC', name)
    return re.sub(r'[\s_-]+', ' ', name).casefold().strip()


def odd_names(one: Sequence[str], other: Sequence[str]) -> list[str]:
    """Names of the second list that the first has in no spelling."""
    known = {*map(plain_name, one)}
    return [name for name in other if plain_name(name) not in known]


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
    odd = odd_names(known, given)
    what = 'in another order'
    if odd:
        what = f'of which {odd[0]!r} is none of them'
    elif gone := odd_names(given, known):
        what = f'without {gone[0]!r}, so that the labels behind it shift'
    # As the data spells them, since a folder is found by its exact name.
    spelt = {plain_name(name): name for name in given}
    shown = shown_classes(
        [n if n in given else spelt.get(plain_name(n), n) for n in known]
    )
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
    if None in named or same_names(*named):
        return
    odd = sorted(odd_names(*named) + odd_names(*reversed(named)))
    what = f'such as {odd[0]!r}' if odd else 'in their order'
    raise UserError(
        f'training has {len(named[0])} classes and validation '
        f'{len(named[1])}, which differ, {what}; use the same class folders '
        'in both, or give metainfo.classes to both data sets'
    )
