import numpy as np
import pytest
from fine_grained_sets import BREEDS, write_dogs, write_dogs_list, write_mat
from mmpretrain.registry import DATASETS

from cds_mm.data import StanfordDogs, check_dataset
from cds_mm.errors import UserError


def error_of(root, split='train'):
    with pytest.raises(UserError) as error:
        StanfordDogs(str(root), split)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_names_and_labels(tmp_path, rng):
    write_dogs(tmp_path, rng)
    cfg = dict(type='StanfordDogs', data_root=str(tmp_path), split='test')
    dataset = DATASETS.build(cfg)
    assert dataset.CLASSES == (
        'Chihuahua',
        'Japanese_spaniel',
        'black-and-tan_coonhound',
        'Mexican_hairless',
    )
    for index, label in enumerate(dataset.get_gt_labels()):
        path = dataset.get_data_info(index)['img_path']
        assert f'/Images/{BREEDS[label]}/' in path
    assert f'Root of dataset: \t{tmp_path}' in repr(dataset)
    named = StanfordDogs(str(tmp_path), classes=list('abcd'))
    assert ''.join(named.CLASSES) == 'abcd'


def test_lists_in_a_folder_of_their_own(tmp_path, rng):
    told = write_dogs(tmp_path, rng, lists='lists')
    cfg = dict(type='StanfordDogs', data_root=str(tmp_path))
    check_dataset(cfg)
    for split, wanted in told.items():
        labels = DATASETS.build({**cfg, 'split': split}).get_gt_labels()
        assert labels.tolist() == [label for _, label in wanted]
    (tmp_path / 'lists' / 'train_list.mat').unlink()
    with pytest.raises(UserError, match=': no lists/train_list.mat; '):
        check_dataset(cfg)


def test_another_split(tmp_path):
    message = "StanfordDogs: split='val' is none of 'train' and 'test'"
    assert message in error_of(tmp_path, 'val')


def test_lists_that_cannot_be_read(tmp_path, rng):
    path = tmp_path / 'train_list.mat'
    message = f'{path}: cannot be read as file_list and labels'
    mend = 'unpack lists.tar of Stanford Dogs again'
    assert 'No such file' in error_of(tmp_path)
    write_dogs(tmp_path, rng)
    whole = path.read_bytes()
    ends = rng.integers(1, len(whole) - 1, 20)
    for content in (b'', b'<html>gone</html>', *(whole[:e] for e in ends)):
        path.write_bytes(content)
        error = error_of(tmp_path)
        assert error.startswith(message) and error.endswith(mend)
    write_mat(path, labels=np.ones((2, 1)))
    assert "KeyError: 'file_list'" in error_of(tmp_path)
    write_dogs_list(path, ['a/1.jpg', 'b/2.jpg'], [1])
    assert 'ValueError' in error_of(tmp_path)


@pytest.mark.parametrize('labels', [(0, 1, 1), (1, 3, 3), (1, 2, 3)])
def test_labels_that_are_not_one_for_each_folder(labels, tmp_path):
    files = ['n1-a/1.jpg', 'n2-b/2.jpg', 'n2-b/3.jpg']
    write_dogs_list(tmp_path / 'train_list.mat', files, (1, 2, 2))
    assert StanfordDogs(str(tmp_path)).CLASSES == ('a', 'b')
    write_dogs_list(tmp_path / 'train_list.mat', files, labels)
    assert 'are not one for each folder, from 1 on' in error_of(tmp_path)


def test_a_path_is_as_good_as_a_text(tmp_path, rng):
    write_dogs(tmp_path, rng)
    one, other = StanfordDogs(tmp_path), StanfordDogs(str(tmp_path))
    assert one.get_data_info(0) == other.get_data_info(0)
    assert isinstance(one.get_data_info(0)['img_path'], str)
