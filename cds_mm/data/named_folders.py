"""Labels of class folders where the config names the classes."""

from collections.abc import Sequence

from cds_mm.data.class_names import plain_name
from cds_mm.errors import UserError


def labels_of_folders(
    found: Sequence[str], classes: Sequence[str], where: str
) -> dict[str, int]:
    """The label of each class folder.

    Args:
        found: names of the folders, sorted.
        classes: of the config, by label: names of folders, or readable names
            for all of them in the order of the folders.
        where: what holds the folders, for messages.

    Raises:
        UserError: a folder is none of the classes.
    """
    unknown = set(found).difference(classes)
    if not unknown:
        return {name: label for label, name in enumerate(classes)}
    if (
        len(classes) == len(found)
        # With one name in common it is a slip, which would mislabel.
        and unknown == set(found)
        and not _another_order(found, classes)
    ):
        return {name: label for label, name in enumerate(found)}
    raise UserError(
        f'{where}: holds {len(found)} classes, such as {min(unknown)!r}, '
        f'where {len(classes)} are named{_spelling(unknown, classes)}; give '
        'the names of the folders in metainfo.classes, or leave it out'
    )


def _another_order(found, classes) -> bool:
    """Whether a name is that of another folder, but for its spelling."""
    spelt = [plain_name(name) for name in classes]
    return any(
        plain_name(name) in spelt and plain_name(name) != its
        for name, its in zip(found, spelt, strict=True)
    )


def _spelling(unknown, classes) -> str:
    spelt = {plain_name(name): name for name in classes}
    for name in sorted(unknown):
        if other := spelt.get(plain_name(name)):
            # As Unicode has forms of a letter that look the same.
            return f' (folder {ascii(name)} as {ascii(other)})'
    return ''
