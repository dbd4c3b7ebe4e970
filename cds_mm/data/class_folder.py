"""One folder for each class, with errors that say what to fix."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from mmengine import fileio
from mmpretrain.datasets import CustomDataset
from mmpretrain.registry import DATASETS

from cds_mm.arguments import Count, Index, checked
from cds_mm.data.annotation_file import read_annotations
from cds_mm.data.folder_depth import folder_above
from cds_mm.data.image_files import (
    IMAGE_SUFFIXES,
    ImageFiles,
    is_passed_over,
)
from cds_mm.data.named_folders import labels_of_folders
from cds_mm.data.unlabelled_folder import OTHER_FOLDER, check_place
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
        extensions (Sequence[str]): suffixes of the files that are images, in
            lower or upper case; :data:`cds_mm.data.image_files.IMAGE_SUFFIXES`
            by default.  How many others there are is said when they are
            listed.
        first_label (int): the smallest label in ``ann_file``, which becomes
            0.  -1 stays the mark of an unlabelled image.  Defaults to 0.
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
        class_from: Literal['folder', 'prefix'] = 'folder',
        images_per_class: Count | None = None,
        extensions: Sequence[str] = IMAGE_SUFFIXES,
        first_label: Index = 0,
        unlabelled: str = '',
        ann_file: str | None = '',
        **kwargs,
    ):
        if not (data_root or data_prefix):
            raise UserError(
                'ClassFolder: no folder is given; set data_root to the '
                'folder of your images'
            )
        self.class_from = class_from
        self.images_per_class = images_per_class
        self.first_label = first_label
        self.unlabelled = unlabelled and os.path.join(
            os.path.expanduser(data_root), os.path.expanduser(unlabelled)
        )
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix or split,
            ann_file=ann_file or '',
            extensions=extensions,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List ``img_path`` and ``gt_label`` of every image."""
        if not fileio.isdir(self.img_prefix):
            raise UserError(
                f'{self._where}: no such folder; set data_root (and '
                'split) of the dataset to the folder of your images'
            )
        if self.ann_file:
            records = read_annotations(
                self.ann_file,
                self.img_prefix,
                self.with_label,
                self.first_label,
            )
        else:
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

    def found_classes(self) -> list[str]:
        """Names of the classes in the split, as its folders or files say.

        Raises:
            UserError: as when the files are listed.
        """
        files = [*self._images(self.img_prefix)]
        if self.class_from == 'folder':
            return self._class_folders(files)
        return sorted({self._prefix(file) for file in files})

    def check_not_empty(self) -> None:
        """Look for one image, without listing the others.

        Raises:
            UserError: there is none.
        """
        fix = 'set data_root (and split) of the dataset to the folder of '
        self._check_not_empty(self._where, fix + 'your images')

    def check_unlabelled(self) -> None:
        """Look for one image in the folder of those without a class.

        Raises:
            UserError: there is no such folder, no image in it, or it is part
            of the split, where its images have a class.
        """
        if self.unlabelled:
            check_place(self.unlabelled, self._where, bool(self.ann_file))
            self._check_not_empty(self.unlabelled, OTHER_FOLDER)

    def _check_not_empty(self, folder: str, fix: str) -> None:
        if not any(self._images(folder)):
            kinds = ', '.join(sorted(self.extensions))
            raise UserError(f'{folder}: holds no image (of {kinds}); {fix}')

    @property
    def _where(self) -> str:
        return self.img_prefix.rstrip('/')

    def _find_samples(self) -> list:
        self.check_not_empty()
        files = self._listed(self.img_prefix)
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
            for file in self._listed(self.unlabelled)
        ]

    def _images(self, folder: str) -> ImageFiles:
        return ImageFiles(folder, self.extensions)

    def _listed(self, folder: str) -> list[str]:
        images = self._images(folder)
        files = sorted(images)
        images.report(len(files))
        return files

    def _class_folders(self, files: list[str]) -> list[str]:
        classes = sorted(
            name
            for name in fileio.list_dir_or_file(
                self.img_prefix, list_file=False
            )
            if not is_passed_over(name)
        )
        loose = [file for file in files if os.sep not in file]
        if loose:
            raise UserError(
                f'{self._where}: {len(loose)} images, such as '
                f'{loose[0]}, are in no class folder; put them into one '
                "folder for each class, or set class_from='prefix' if their "
                "names start with '<class>_'" + folder_above(self.img_prefix)
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
        return labels_of_folders(found, classes, self._where)
