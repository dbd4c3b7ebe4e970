"""Images that are in the data twice."""

import shutil

import pytest
from mmpretrain.registry import DATASETS

from cds_mm.data.equal_images import (
    Part,
    count_copies,
    warn_of_equal_images,
)
from cds_mm.data.image_scan import scan_images
from cds_mm.run_warnings import forget_warnings, warnings_so_far


def part(root, split='train', name='', **options):
    leaf = DATASETS.build(
        dict(
            type='ClassFolder',
            data_root=str(root),
            pipeline=[dict(type='LoadRGBImage')],
            **options,
        )
    )
    scan = scan_images(leaf)
    return Part(f'{split}_dataloader.dataset{name}', leaf, scan.digests)


def warned(*parts, has_labels=True):
    forget_warnings()
    warn_of_equal_images(parts, has_labels)
    return warnings_so_far()


def test_one_picture_in_two_class_folders(image_folder, tmp_path):
    root = image_folder('x', {'elm': 3, 'oak': 3})
    shutil.copy(tmp_path / 'x/elm/1.png', tmp_path / 'x/oak/y.png')
    (said,) = warned(part(root))
    assert '1 images have more than one label' in said
    assert f'{root}/elm/1.png (label 0) and {root}/oak/y.png (1)' in said
    assert not warned(part(root), has_labels=False), 'of a detection'
    (tmp_path / 'x/oak/y.png').unlink()
    assert not warned(part(root)), 'as it says'


def test_one_file_with_two_labels(image_folder, tmp_path):
    root = image_folder('x', {'elm': 2, 'oak': 1})
    lines = ['elm/0.png 0', 'oak/0.png 1', 'elm/0.png 2', 'elm/1.png -1']
    path = tmp_path / 'list.txt'
    path.write_text('\n'.join(lines))
    (said,) = warned(part(root, ann_file=str(path)))
    assert f'{root}/elm/0.png is there with the labels 0 and 2' in said
    # The same label again, and none, contradict nothing.
    path.write_text('\n'.join([lines[0], lines[0], 'elm/0.png -1']))
    assert not warned(part(root, ann_file=str(path)))


def test_the_parts_of_a_split_are_one(image_folder, tmp_path):
    root = image_folder('x/one', {'elm': 1, 'oak': 1})
    shutil.copytree(root, tmp_path / 'x/two')
    parts = [
        part(tmp_path / 'x/one', name='.datasets.0'),
        part(tmp_path / 'x/two', name='.datasets.1'),
    ]
    assert not warned(*parts)
    (tmp_path / 'x/two/elm').rename(tmp_path / 'x/two/z')
    parts[1] = part(tmp_path / 'x/two', name='.datasets.1')
    (said,) = warned(*parts)
    assert '2 images have more than one label' in said


@pytest.mark.parametrize('has_labels', [True, False])
def test_validation_on_training_images(image_folder, tmp_path, has_labels):
    train = image_folder('train', {'elm': 4, 'oak': 4})
    val = tmp_path / 'val'
    shutil.copytree(train, val)
    both = [part(train), part(val, 'val')]
    (said,) = warned(*both, has_labels=has_labels)
    assert said.startswith(
        'val_dataloader.dataset: 8 of 8 images are in train_dataloader.'
        f'dataset too, the first is {val}/elm/0.png, there as {train}/elm/0'
    )
    (said,) = warned(part(train), part(train, 'val'))
    assert 'there as' not in said
    assert not warned(part(val, 'val')), 'a test of its own'
    other = image_folder('other', {'elm': 4, 'oak': 4})
    assert not warned(part(train), part(other, 'val'))


def test_few_of_many_move_no_score(image_folder, tmp_path):
    train = image_folder('train', {'elm': 1})
    val = image_folder('val', {'elm': 100}, side=4)
    shutil.copy(f'{train}/elm/0.png', f'{val}/elm/0.png')
    assert not warned(part(train), part(val, 'val'))
    shutil.copy(f'{train}/elm/0.png', f'{val}/elm/1.png')
    assert len(warned(part(train), part(val, 'val'))) == 1


def test_copies_are_counted_by_file(image_folder, tmp_path):
    root = image_folder('x', {'elm': 3})
    assert count_copies(part(root)) == 0
    for number in range(4):
        shutil.copy(f'{root}/elm/0.png', f'{root}/elm/c{number}.png')
    assert count_copies(part(root)) == 4
    path = tmp_path / 'list.txt'
    path.write_text('elm/0.png 0\n' * 5)
    assert count_copies(part(root, ann_file=str(path))) == 0


def test_a_set_that_was_not_read(image_folder):
    whole = part(image_folder('x', {'elm': 2}))
    assert not warned(whole._replace(digests=[]), whole._replace(digests=[]))
    assert count_copies(whole._replace(digests=[])) == 0
