"""Labels of an annotation file against the folders that the images are in."""

import os
from collections import Counter, defaultdict

from mmpretrain.datasets import CustomDataset

from cds_mm.data.class_names import plain_name, shown_classes
from cds_mm.data.labels import leaf_datasets
from cds_mm.errors import UserError

# Enough to see which label a folder has; all of ImageNet would take seconds.
_LOOKED_AT = 20_000
# A folder whose images mostly have one label stands for a class.
_PURE = 0.9


def check_folder_labels(train, val, splits=('train', 'val')) -> None:
    """Compare what both data sets call the class of one and the same folder.

    Nothing is compared where both take their labels from folders, or where
    folders are no classes.

    Args:
        train: a built data set, wrapped or not.
        val: another one.
        splits: what to call them: the split of their keys in the config.

    Raises:
        UserError: a folder has another label in one than in the other; the
            cause, and the setting that makes them the same.
    """
    ours, theirs = (_Labels(dataset) for dataset in (train, val))
    if not (ours.annotated or theirs.annotated):
        return
    if ours.annotated and theirs.annotated:
        one, other = ours.by_parent(), theirs.by_parent()
        if not (_one_to_one(one) and _one_to_one(other)):
            return
    else:
        names = set((theirs if ours.annotated else ours).by_class())
        one, other = (side.by_class(names) for side in (ours, theirs))
    shared = [name for name in one if name in other]
    odd = [name for name in shared if one[name][0] != other[name][0]]
    if odd:
        _refuse(one, other, odd[0], (ours, theirs), splits)


def check_folders_of_classes(dataset, classes, owner: str) -> None:
    """As :func:`check_folder_labels`, against the classes of a checkpoint.

    Args:
        dataset: a built data set, wrapped or not, with unknown names.
        classes: by label.
        owner: whose classes they are, for people.

    Raises:
        UserError: the images of a folder of that name have another label.
    """
    labels = _Labels(dataset)
    if not labels.annotated:
        return
    label_of = {name: label for label, name in enumerate(classes)}
    for name, (label, count, total) in labels.by_class(set(classes)).items():
        if label != label_of[name]:
            raise UserError(
                f'{labels.annotated}: {count} of {total} images of folder '
                f'{name!r} have label {label}, but {owner} was trained with '
                f'{label_of[name]} for it; number the labels in the order of '
                'its classes'
                + (f', {shown}' if (shown := shown_classes(classes)) else '')
            )


class _Labels:
    """Which labels the images of each folder have.

    Args:
        dataset: a built data set, wrapped or not.

    Attributes:
        annotated: the annotation file that the labels are from; '' where
            they follow from folders.
        counts_from_one: whether the data set could count from 1.
    """

    def __init__(self, dataset):
        self.leaves = [
            leaf
            for leaf in leaf_datasets(dataset)
            if isinstance(leaf, CustomDataset)
        ]
        files = [leaf.ann_file for leaf in self.leaves if leaf.ann_file]
        self.annotated: str = files[0] if files else ''
        self.can_shift = all(hasattr(x, 'first_label') for x in self.leaves)

    def by_parent(self):
        """Of the folder that an image is in."""
        return self._counted(lambda leaf, folders: folders[-1:])

    def by_class(self, names=None):
        """Of the folder in its path that is a class.

        Args:
            names: of the classes; the first folders of the split unless
                given.  A folder may spell its name in another way; it has
                that of the class in what is returned.
        """
        if names is None:
            return self._counted(lambda leaf, folders: folders[:1])
        spelt = {plain_name(name): name for name in names}
        if len(spelt) < len(names):  # some differ in spelling alone
            spelt = {name: name for name in names}

        def classes(leaf, folders):
            keys = (f if f in spelt else plain_name(f) for f in folders)
            return [spelt[key] for key in keys if key in spelt][-1:]

        return self._counted(classes)

    def _counted(self, choose):
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for leaf in self.leaves:
            step = max(1, len(leaf) // _LOOKED_AT)
            for place in range(0, len(leaf), step):
                info = leaf.get_data_info(place)
                folders = _folders(info['img_path'], leaf.img_prefix)
                for folder in choose(leaf, folders):
                    if info.get('gt_label', -1) >= 0:
                        counts[folder][info['gt_label']] += 1
        found = {}
        for folder, labels in counts.items():
            ((label, count),) = labels.most_common(1)
            if count >= _PURE * labels.total():
                found[folder] = (label, count, labels.total())
        return found


def _folders(path: str, root: str) -> list[str]:
    return os.path.relpath(path, root or '.').split(os.sep)[:-1]


def _one_to_one(labels) -> bool:
    return len({label for label, *_ in labels.values()}) == len(labels)


def _refuse(one, other, name, sides, splits):
    shared = [folder for folder in one if folder in other]
    shifts = {one[f][0] - other[f][0] for f in shared}
    # The annotated side is the one to blame; of two the first.
    blamed = 0 if sides[0].annotated else 1
    mine, its = (one, other) if blamed == 0 else (other, one)
    label, count, total = mine[name]
    said = (
        f'{sides[blamed].annotated}: {count} of {total} images of folder '
        f'{name!r} have label {label}, but {_words(splits[1 - blamed])} gives '
        f'it {its[name][0]}; '
    )
    key = f'{splits[blamed]}_dataloader.dataset'
    if len(shared) > 1 and shifts == {1 if blamed == 0 else -1}:
        fix = f'its labels start at 1: set {key}.first_label=1'
        if not sides[blamed].can_shift:
            fix = 'its labels start at 1: subtract 1 from each'
        raise UserError(said + fix)
    by_label = {label: folder for folder, (label, *_) in mine.items()}
    if len(by_label) < len(mine):
        of_label = {f: its_label for f, (its_label, *_) in mine.items()}
        twice = next(f for f in of_label if by_label[of_label[f]] != f)
        raise UserError(
            f'{said}folders {twice!r} and {by_label[of_label[twice]]!r} have '
            f'one label, {of_label[twice]}; give each class a label of its own'
        )
    names = [by_label[k] for k in sorted(by_label)]
    complete = sorted(by_label) == list(range(len(names)))
    shown = shown_classes(names) if complete else ''
    if not shown:
        raise UserError(said + 'use one order of the classes in both')
    both = dict.fromkeys([*splits, 'test'])
    settings = [f'{s}_dataloader.dataset.metainfo.classes' for s in both]
    raise UserError(
        said + 'set ' + ' '.join(f'{key}="{shown}"' for key in settings)
    )


def _words(split: str) -> str:
    return {'train': 'training', 'val': 'validation'}.get(split, split)
