"""One folder for each class, with errors that say what to mend."""

import os
from collections import Counter

from mmengine import fileio
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import DATASETS

from cds_mm.arguments import checked
from cds_mm.data.annotation_file import check_annotations
from cds_mm.errors import UserError


@DATASETS.register_module()
class ClassFolder(CustomDataset):
    """MMPretrain's CustomDataset that says what is wrong with the folder.

    Three layouts::

        data_root/split/<class>/.../x.jpg    class_from='folder'
        data_root/split/<class>_x.jpg        class_from='prefix'
        data_root/ann_file                   lines of 'path label'

    Labels follow the sorted names of the classes.  With ``classes``, and all
    names among them, they follow the order given there, so that a validation
    set that lacks a class keeps the labels of the training set.

    Args:
        data_root (str): the folder that holds the split, or the classes.
        split (str): a folder in ``data_root``, used where ``data_prefix`` is
            not given; the same key as in MMPretrain's ImageNet, so that a
            config changes from one to the other by ``type`` alone.
        class_from (str): 'folder' or 'prefix', the part of the file name
            before its first underscore (ImageNet's synset).
        images_per_class (int, optional): take the first files of each class,
            by name, and no more.
        unlabelled (str): a further folder of images whose class nobody knows,
            at any depth; they come last, with the label -1.  Relative to
            ``data_root``, and outside of the split.
        **kwargs: as in :class:`mmpretrain.datasets.CustomDataset`.

    Raises:
        UserError: a missing or an empty folder, no class folders, a class
            without images, a class that ``classes`` lacks, a missing
            annotation file or a line in it without a label.  Whether the
            files of an annotation file exist shows when they are read.
    """

    @checked
    def __init__(
        self,
        data_root: str = '',
        split: str = '',
        data_prefix: str | dict = '',
        class_from: str = 'folder',
        images_per_class: int | None = None,
        unlabelled: str = '',
        **kwargs,
    ):
        if class_from not in ('folder', 'prefix'):
            raise UserError(
                f"ClassFolder: class_from={class_from!r} is none of 'folder' "
                "and 'prefix'; set one of them"
            )
        if not (data_root or data_prefix):
            raise UserError(
                'ClassFolder: no folder is given; set data_root to the '
                'folder of your images'
            )
        self.class_from = class_from
        self.images_per_class = images_per_class
        self.unlabelled = unlabelled and os.path.join(
            os.path.expanduser(data_root), os.path.expanduser(unlabelled)
        )
        super().__init__(
            data_root=data_root, data_prefix=data_prefix or split, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """List ``img_path`` and ``gt_label`` of every image."""
        if not fileio.isdir(self.img_prefix):
            raise UserError(
                f'{self._where}: no such folder; set data_root (and '
                'split) of the dataset to the folder of your images'
            )
        if self.ann_file:
            check_annotations(self.ann_file, self.with_label)
        records = super().load_data_list()
        if self.unlabelled:
            self.check_unlabelled()
            # An annotation file may name some images of that folder.
            listed = {os.path.abspath(r['img_path']) for r in records}
            records += [
                record
                for record in self._unlabelled_records()
                if os.path.abspath(record['img_path']) not in listed
            ]
        return records

    def check_not_empty(self) -> None:
        """Look for one image, without listing the others.

        Raises:
            UserError: there is none.
        """
        mend = 'set data_root (and split) of the dataset to the folder of '
        self._check_not_empty(self._where, mend + 'your images')

    def check_unlabelled(self) -> None:
        """Look for one image in the folder of those without a class.

        Raises:
            UserError: there is no such folder, no image in it, or it is part
            of the split, where its images have a class.
        """
        if not self.unlabelled:
            return
        mend = "set unlabelled of the dataset to another, or to ''"
        if not fileio.isdir(self.unlabelled):
            raise UserError(
                f'{self.unlabelled}: no such folder of unlabelled images, '
                f'which is looked for in data_root; {mend}'
            )
        folders = [
            os.path.abspath(folder)
            for folder in (self.img_prefix, self.unlabelled)
        ]
        common = os.path.commonpath(folders)
        if common == folders[0] and not self.ann_file:
            raise UserError(
                f'{self.unlabelled}: is part of {self._where}, where its '
                'images would have a class too; move it out of there'
            )
        if common == folders[1] and not self.ann_file:
            raise UserError(
                f'{self.unlabelled}: contains {self._where}, whose images '
                f'would come without a class too; {mend}'
            )
        self._check_not_empty(self.unlabelled, mend)

    def _check_not_empty(self, folder: str, mend: str) -> None:
        if not any(self._images(folder)):
            kinds = ', '.join(sorted(self.extensions))
            raise UserError(f'{folder}: holds no image (of {kinds}); {mend}')

    @property
    def _where(self) -> str:
        return self.img_prefix.rstrip('/')

    def _find_samples(self) -> list:
        self.check_not_empty()
        files = sorted(self._images(self.img_prefix))
        if not self.with_label:
            return files
        if self.class_from == 'folder':
            names = [file.partition(os.sep)[0] for file in files]
            classes = self._class_folders(files)
        else:
            names = [self._prefix(file) for file in files]
            classes = sorted(set(names))
        labels = self._labels(classes)
        taken: Counter[str] = Counter()
        samples = []
        for file, name in zip(files, names, strict=True):
            if taken[name] != self.images_per_class:
                taken[name] += 1
                samples.append((file, labels[name]))
        return samples

    def _unlabelled_records(self) -> list[dict]:
        label = {'gt_label': -1} if self.with_label else {}
        return [
            {'img_path': fileio.join_path(self.unlabelled, file), **label}
            for file in sorted(self._images(self.unlabelled))
        ]

    def _images(self, folder: str):
        found = fileio.list_dir_or_file(folder, list_dir=False, recursive=True)
        for file in filter(self.is_valid_file, found):
            file = file.replace('/', os.sep)
            # Hidden folders (.ipynb_checkpoints) are no classes.
            if not any(part.startswith('.') for part in file.split(os.sep)):
                yield file

    def _class_folders(self, files: list[str]) -> list[str]:
        classes = sorted(
            name
            for name in fileio.list_dir_or_file(
                self.img_prefix, list_file=False
            )
            if not name.startswith('.')
        )
        loose = [file for file in files if os.sep not in file]
        if loose:
            raise UserError(
                f'{self._where}: {len(loose)} images, such as '
                f'{loose[0]}, are in no class folder; put them into one '
                "folder for each class, or set class_from='prefix' if their "
                "names start with '<class>_'"
            )
        filled = {file.partition(os.sep)[0] for file in files}
        empty = [name for name in classes if name not in filled]
        if empty:
            raise UserError(
                f'{self._where}: class folder {empty[0]!r}'
                + (f' and {len(empty) - 1} more' if empty[1:] else '')
                + f' of {len(classes)} holds no image (of '
                f'{", ".join(sorted(self.extensions))}); fill or remove it'
            )
        return classes

    def _prefix(self, file: str) -> str:
        name, underscore, _ = os.path.basename(file).partition('_')
        if not underscore:
            raise UserError(
                f'{os.path.join(self.img_prefix, file)}: no underscore in '
                "the name, so class_from='prefix' finds no class; rename the "
                'file, or use one folder for each class'
            )
        return name

    def _labels(self, found: list[str]) -> dict[str, int]:
        classes = self.CLASSES
        if classes is None:
            self._metainfo['classes'] = classes = tuple(found)
        unknown = set(found).difference(classes)
        if not unknown:
            return {name: label for label, name in enumerate(classes)}
        if len(classes) == len(found) and unknown == set(found):
            # Readable names for coded folders, in the order of the folders.
            # With one name in common it is a slip, which would mislabel.
            return {name: label for label, name in enumerate(found)}
        raise UserError(
            f'{self._where}: holds {len(found)} classes, such as '
            f'{min(unknown)!r}, where {len(classes)} are named; give the '
            'names of the folders in metainfo.classes, or leave it out'
        )
