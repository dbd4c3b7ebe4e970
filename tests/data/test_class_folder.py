import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from mmpretrain.registry import DATASETS

from cds_mm.data import ClassFolder, check_dataset
from cds_mm.errors import UserError


def build(root, **options):
    return DATASETS.build(
        {'type': 'ClassFolder', 'data_root': str(root), **options}
    )


def error_of(root, **options):
    with pytest.raises(UserError) as error:
        build(root, **options)
    assert '\n' not in str(error.value)
    return str(error.value)


def listed(dataset):
    root = dataset.img_prefix
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return {
        os.path.relpath(info['img_path'], root): info['gt_label']
        for info in infos
    }


def test_labels_follow_the_sorted_names(image_folder, rng):
    sizes = {f'c{n}': int(rng.integers(1, 5)) for n in rng.permutation(12)}
    root = image_folder('all/train', sizes)
    names = sorted(sizes)
    wanted = {
        f'{name}/{number}.png': names.index(name)
        for name in names
        for number in range(sizes[name])
    }
    for options in ({'split': 'train'}, {'data_prefix': 'train'}):
        dataset = build(os.path.dirname(root), **options)
        assert listed(dataset) == wanted
        assert dataset.metainfo['classes'] == tuple(names)
    assert listed(build(root)) == wanted


def test_nested_and_hidden_files(image_folder, tmp_path):
    root = image_folder('x', {'a/deep/er': 2, 'b': 1, '.ipynb/b': 1})
    (tmp_path / 'x' / 'b' / 'notes.txt').write_text('no image')
    (tmp_path / 'x' / 'b' / '.hidden.png').write_text('no image')
    assert listed(build(root)) == {
        'a/deep/er/0.png': 0,
        'a/deep/er/1.png': 0,
        'b/0.png': 1,
    }


def test_class_from_prefix(image_folder, tmp_path):
    image_folder('x', {'any': 3})
    flat = tmp_path / 'x' / 'any'
    for old, new in zip('012', ('n2_a_b', 'n1_c', 'n2_d'), strict=True):
        shutil.move(flat / f'{old}.png', flat / f'{new}.png')
    dataset = build(flat, class_from='prefix')
    assert listed(dataset) == {'n1_c.png': 0, 'n2_a_b.png': 1, 'n2_d.png': 1}
    assert dataset.metainfo['classes'] == ('n1', 'n2')
    shutil.move(flat / 'n1_c.png', flat / 'plain.png')
    assert 'plain.png: no underscore' in error_of(flat, class_from='prefix')


def test_annotation_file(image_folder, tmp_path):
    root = image_folder('x', {'a': 2})
    path = tmp_path / 'x' / 'list.txt'
    path.write_text('a/0.png 7\na/1.png -1\n')
    dataset = build(root, ann_file='list.txt')
    assert listed(dataset) == {'a/0.png': 7, 'a/1.png': -1}
    path.write_text('gone.png 0\n')
    assert len(build(root, ann_file='list.txt')) == 1
    path.write_text('a/0.png 7\na/1.png x\n')
    assert 'list.txt, line 2' in error_of(root, ann_file='list.txt')
    path.write_text('a/0.png\n')
    assert 'line 1' in error_of(root, ann_file='list.txt')
    path.write_text('')
    assert 'is empty' in error_of(root, ann_file='list.txt')
    assert 'none.txt: no such' in error_of(root, ann_file='none.txt')


@pytest.mark.parametrize('prefix', ['', 'a'])
@pytest.mark.parametrize('with_label', [True, False])
def test_annotation_file_with_a_byte_order_mark(
    image_folder, tmp_path, prefix, with_label
):
    root = image_folder('x', {'a': 2})
    absolute = os.path.join(root, 'a/1.png')
    names = ['0.png' if prefix else 'a/0.png', absolute]
    lines = [f'{name} 3' if with_label else name for name in names]
    path = tmp_path / 'x' / 'list.txt'
    path.write_text('\n'.join(lines), encoding='utf-8-sig')
    options = dict(
        ann_file='list.txt', data_prefix=prefix, with_label=with_label
    )
    data = build(root, **options)
    found = [data.get_data_info(n)['img_path'] for n in range(2)]
    assert [os.path.relpath(name, root) for name in found] == [
        'a/0.png',
        'a/1.png',
    ]
    cfg = dict(type='ClassFolder', data_root=str(root), **options)
    check_dataset(cfg)
    # The host's class makes it part of the name; the advice is to take ours.
    with pytest.raises(UserError, match='byte order mark') as error:
        check_dataset(dict(cfg, type='CustomDataset'))
    assert str(error.value).endswith('set type=ClassFolder')


def test_given_classes_fix_the_labels(image_folder):
    root = image_folder('x', {'b': 1, 'd': 1})
    meta = {'classes': ('d', 'c', 'b')}
    assert listed(build(root, metainfo=meta)) == {'b/0.png': 2, 'd/0.png': 0}
    meta = {'classes': ('bird', 'dog')}
    assert listed(build(root, metainfo=meta)) == {'b/0.png': 0, 'd/0.png': 1}
    message = error_of(root, metainfo={'classes': ('b', 'c', 'x')})
    assert "'d'" in message and '2 classes' in message


def test_what_is_wrong_with_the_folder(image_folder, tmp_path):
    root = image_folder('x', {'a': 1, 'empty': 0, 'none': 0, 'z': 2})
    message = error_of(root)
    assert "'empty' and 1 more of 4" in message
    assert 'nowhere: no such folder' in error_of(tmp_path / 'nowhere')
    assert 'train: no such folder' in error_of(root, split='train')
    hollow = image_folder('hollow', {'a': 0})
    assert 'holds no image' in error_of(hollow)
    assert 'such as 0.png, are in no class' in error_of(tmp_path / 'x' / 'a')
    assert 'no folder is given' in error_of('')
    assert "'file'" in error_of(root, class_from='file')


def test_unlabelled(image_folder):
    root = image_folder('x', {'a': 1, 'b': 2})
    dataset = build(root, with_label=False)
    assert len(dataset) == 3
    assert 'gt_label' not in dataset.get_data_info(0)


def test_equals_the_host_on_a_sound_folder(image_folder, rng):
    sizes = {f'k{n}': int(rng.integers(1, 4)) for n in range(5)}
    root = image_folder('x', sizes)
    host = DATASETS.build({'type': 'CustomDataset', 'data_root': root})
    ours = build(root)
    assert np.array_equal(ours.get_gt_labels(), host.get_gt_labels())
    assert listed(ours) == listed(host)


def test_the_first_images_of_each_class(image_folder, rng):
    sizes = {f'c{n}': int(rng.integers(2, 9)) for n in range(5)}
    root = image_folder('some/train', sizes)
    whole = listed(build(root))
    part = listed(build(root, images_per_class=3))
    wanted = {
        path: label
        for name in sizes
        for path, label in sorted(
            (path, label)
            for path, label in whole.items()
            if path.startswith(name)
        )[:3]
    }
    assert part == wanted


def test_names_that_match_in_part_are_a_slip(image_folder):
    root = image_folder('pets/train', {'cat': 1, 'dog': 1, 'emu': 1})
    given = {'metainfo': {'classes': ('dog', 'cat', 'bird')}}
    assert "'emu'" in error_of(root, **given)
    readable = {'metainfo': {'classes': ('Cat', 'Dog', 'Emu')}}
    assert listed(build(root, **readable)) == {
        'cat/0.png': 0,
        'dog/0.png': 1,
        'emu/0.png': 2,
    }


def test_a_further_folder_without_labels(image_folder, tmp_path):
    image_folder('x/train', {'a': 2, 'b': 1})
    image_folder('x/more', {'any/depth': 2, '.hidden': 1})
    (tmp_path / 'x' / 'more' / 'notes.txt').write_text('no image')
    root = tmp_path / 'x'
    elsewhere = image_folder('elsewhere', {'c': 1})
    wanted = {'a/0.png': 0, 'a/1.png': 0, 'b/0.png': 1}
    for folder, unknown in (
        ('more', ['../more/any/depth/0.png', '../more/any/depth/1.png']),
        (elsewhere, ['../../elsewhere/c/0.png']),
    ):
        dataset = build(root, split='train', unlabelled=folder)
        assert listed(dataset) == wanted | dict.fromkeys(unknown, -1)
        assert dataset.get_gt_labels().tolist()[:3] == [0, 0, 1]
        assert dataset.metainfo['classes'] == ('a', 'b')
        assert dataset[len(dataset) - 1]['sample_idx'] == len(dataset) - 1
    few = build(root, split='train', unlabelled='more', images_per_class=1)
    assert sorted(few.get_gt_labels()) == [-1, -1, 0, 1]
    (root / 'list.txt').write_text('train/a/0.png 5\n')
    named = build(root, ann_file='list.txt', unlabelled='more')
    assert named.get_gt_labels().tolist() == [5, -1, -1]
    (root / 'list.txt').write_text('more/any/depth/1.png 5\n')
    named = build(root, ann_file='list.txt', unlabelled='more')
    assert named.get_gt_labels().tolist() == [5, -1], 'each image once'
    bare = build(root, split='train', unlabelled='more', with_label=False)
    assert len(bare) == 5 and 'gt_label' not in bare.get_data_info(4)


def test_what_is_wrong_with_the_further_folder(image_folder, tmp_path):
    image_folder('x/train', {'a': 1, 'more': 1})
    root = tmp_path / 'x'
    (root / 'empty').mkdir()
    for folder, cause in (
        ('gone', 'x/gone: no such folder of unlabelled images'),
        ('empty', 'x/empty: holds no image'),
        ('train/more', 'is part of'),
        ('train', 'is part of'),
        ('.', 'contains'),
    ):
        wrong = dict(split='train', unlabelled=folder)
        message = error_of(root, **wrong)
        assert cause in message
        # And the same before the run, where nothing is listed.
        with pytest.raises(UserError) as error:
            check_dataset(
                dict(type='ClassFolder', data_root=str(root), **wrong)
            )
        assert str(error.value) == message


@pytest.mark.parametrize(
    'where',
    [
        lambda root: dict(data_root=root, split='train'),
        lambda root: dict(data_root=root, split=Path('train')),
        lambda root: dict(data_prefix=root / 'train'),
        lambda root: dict(data_root=root, data_prefix=Path('train')),
        lambda root: dict(
            data_root=root, data_prefix=dict(img_path=Path('train'))
        ),
        lambda root: dict(
            data_root=root, split='train', ann_file=Path('list.txt')
        ),
        lambda root: dict(data_root=root, split='train', unlabelled=Path('u')),
    ],
)
def test_a_path_is_as_good_as_a_text(image_folder, tmp_path, where):
    image_folder('train', {'a': 2, 'b': 2})
    image_folder('u', {'x': 1})
    (tmp_path / 'list.txt').write_text('a/0.png 0\n')

    def images(settings):
        dataset = ClassFolder(**settings)
        return [dataset.get_data_info(i) for i in range(len(dataset))]

    def as_text(value):
        if isinstance(value, dict):
            return {key: as_text(part) for key, part in value.items()}
        return str(value)

    settings = where(tmp_path)
    found = images(settings)
    assert found and found == images(as_text(settings))
    assert all(isinstance(info['img_path'], str) for info in found)
    forgotten = tmp_path / 'nowhere'
    with pytest.raises(UserError, match='nowhere: no such folder'):
        ClassFolder(data_root=forgotten)
