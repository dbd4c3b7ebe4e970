"""Labels of annotation files, compared with folders that are classes."""

import ast
import os

import pytest
from mmengine.dataset import ConcatDataset
from mmpretrain.registry import DATASETS

from cds_mm.data.folder_labels import (
    check_folder_labels,
    check_folders_of_classes,
)
from cds_mm.errors import UserError

NAMES = ('ant', 'bee', 'cat')


@pytest.fixture
def dataset(image_folder, tmp_path):
    """A data set of three classes, or of a list of labels by folder."""
    numbers = iter(range(99))

    def build(labels=None, kind='ClassFolder', sizes=None, **options):
        name = f'set{next(numbers)}/{options.pop("inside", "split")}'
        root = image_folder(name, sizes or dict.fromkeys(NAMES, 3))
        top = os.path.dirname(root)
        if labels is not None:
            lines = [
                f'{os.path.basename(root)}/{folder}/{n}.png {label}'
                for folder, label in labels
                for n in range((sizes or {}).get(folder, 3))
            ]
            with open(os.path.join(top, 'list.txt'), 'w') as file:
                file.write('\n'.join(lines))
            options |= dict(ann_file='list.txt', data_root=top)
        else:
            options['data_root'] = root
        return DATASETS.build(dict(type=kind, **options))

    return build


def numbered(*labels):
    return list(zip(NAMES, labels, strict=True))


def error_of(train, val):
    with pytest.raises(UserError) as error:
        check_folder_labels(train, val)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_both_agree(dataset):
    folders = dataset()
    for labels in (None, numbered(0, 1, 2)):
        check_folder_labels(dataset(labels), folders)
        check_folder_labels(folders, dataset(labels))
    check_folder_labels(dataset(numbered(1, 2, 0)), dataset(numbered(1, 2, 0)))


@pytest.mark.parametrize('kind', ['ClassFolder', 'CustomDataset'])
def test_from_one_on(dataset, kind):
    listed = dataset(numbered(1, 2, 3), kind=kind)
    said = error_of(listed, dataset())
    ours = kind == 'ClassFolder'
    assert 'its labels start at 1' in said
    assert ('first_label=1' in said) == ours
    assert said.startswith(listed.ann_file)
    wrapped = ConcatDataset([listed, listed])
    twice = said.replace('3 of 3', '6 of 6')
    assert error_of(wrapped, dataset()) == twice
    # The other way round: validation has the file.
    said = error_of(dataset(), listed)
    assert 'its labels start at 1' in said
    assert ('val_dataloader.dataset.first_label=1' in said) == ours
    shifted = dataset(numbered(1, 2, 3), first_label=1)
    check_folder_labels(shifted, dataset())


def test_first_label_is_the_smallest(dataset):
    with pytest.raises(UserError, match='has label 0, below first_label=1'):
        dataset(numbered(0, 1, 2), first_label=1)
    unlabelled = dataset(numbered(-1, 1, 2), first_label=1)
    assert sorted(set(unlabelled.get_gt_labels())) == [-1, 0, 1]


def test_another_order(dataset):
    said = error_of(dataset(numbered(2, 0, 1)), dataset())
    assert "3 of 3 images of folder 'ant' have label 2, but validation" in said
    names = "metainfo.classes=\"('bee','cat','ant')\""
    assert said.count(names) == 3 and 'test_dataloader' in said
    # As it says, with folders that take the order of the names.
    names = dict(metainfo=dict(classes=('bee', 'cat', 'ant')))
    check_folder_labels(dataset(numbered(2, 0, 1), **names), dataset(**names))
    # Two files: the parents of the images tell.
    both = [dataset(numbered(*labels)) for labels in ((2, 0, 1), (0, 1, 2))]
    assert 'have label 2, but validation gives it 0' in error_of(*both)


def test_folders_that_are_no_classes(dataset):
    """Images by camera, by day or in one heap: nothing follows."""
    days = [dataset(numbered(*labels)) for labels in ((0, 0, 1), (1, 0, 0))]
    check_folder_labels(*days)
    heap = dict(sizes=dict(all=2))
    check_folder_labels(
        dataset([('all', 0), ('all', 1)], **heap),
        dataset([('all', 1), ('all', 0)], **heap),
    )
    # Names of other things than the classes of validation.
    other = dict(sizes=dict(left=3, right=3))
    check_folder_labels(dataset([('left', 1), ('right', 2)], **other),
                        dataset())  # fmt: skip


def test_a_class_in_the_middle_of_the_path(dataset, image_folder, tmp_path):
    root = image_folder('deep', {'ant/2024/left': 2, 'bee/2024/left': 2})
    lines = [
        f'{name}/2024/left/{n}.png {label}'
        for name, label in (('ant', 1), ('bee', 0))
        for n in range(2)
    ]
    (tmp_path / 'deep' / 'list.txt').write_text('\n'.join(lines))
    build = dict(type='ClassFolder', data_root=root)
    listed = DATASETS.build(dict(build, ann_file='list.txt'))
    assert "folder 'ant' have label 1" in error_of(listed, dataset())


def test_a_few_wrong_labels_do_not_hide_it(dataset):
    sizes = dict(ant=20, bee=20, cat=20)
    listed = dataset(numbered(1, 0, 2), sizes=sizes)
    listed._metainfo.pop('classes', None)
    val = dataset(sizes=sizes)
    assert "20 of 20 images of folder 'ant'" in error_of(listed, val)


def test_folders_that_are_spelt_in_another_way(dataset):
    """A folder Cat of the list is the class cat of the other split."""
    sizes = dict(Ant=3, BEE=3, Cat=3)
    listed = dataset(list(zip(sizes, (2, 0, 1), strict=True)), sizes=sizes)
    folders = dataset()
    said = error_of(listed, folders)
    assert "folder 'ant' have label 2, but validation gives it 0" in said
    classes = ast.literal_eval(said.rpartition('classes="')[2][:-1])
    assert classes == ('bee', 'cat', 'ant')  # as the folders are called
    check_folder_labels(listed, dataset(metainfo=dict(classes=classes)))
    with pytest.raises(UserError, match='x.pth was trained with 0'):
        check_folders_of_classes(listed, NAMES, 'x.pth')
    right = list(zip(sizes, (0, 1, 2), strict=True))
    check_folder_labels(dataset(right, sizes=sizes), folders)


def test_two_folders_with_one_label(dataset):
    text = error_of(dataset(numbered(0, 0, 1)), dataset())
    assert "folders 'ant' and 'bee' have one label, 0; give each" in text
    assert 'metainfo' not in text, 'no names can be told from that'
    text = error_of(dataset(), dataset(numbered(2, 2, 2)))
    assert 'have one label, 2' in text
    # Two folders may be one class, where nothing contradicts it.
    both = [dataset(numbered(0, 1, 1)) for _ in range(2)]
    check_folder_labels(*both)
