import pickle
import socket

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import CIFAR10, CIFAR100
from mmpretrain.registry import DATASETS

from cds_mm.data import check_dataset, check_labels, check_same_classes
from cds_mm.errors import UserError


def error_of(function, *args):
    with pytest.raises(UserError) as error:
        function(*args)
    assert '\n' not in str(error.value)
    return str(error.value)


def folder(root, **options):
    return DATASETS.build(
        {'type': 'ClassFolder', 'data_root': str(root), **options}
    )


def write_cifar(root, cls):
    base = root / cls.base_folder
    base.mkdir(parents=True)
    key = 'labels' if cls is CIFAR10 else 'fine_labels'
    for name, _ in cls.train_list + cls.test_list:
        content = {'data': np.zeros((2, 3072), np.uint8), key: [0, 1]}
        (base / name).write_bytes(pickle.dumps(content))
    (base / cls.meta['filename']).write_bytes(b'')


@pytest.mark.parametrize('cls', [CIFAR10, CIFAR100])
def test_cifar(cls, tmp_path, monkeypatch):
    def no_network(*_):
        raise AssertionError('the network was tried')

    monkeypatch.setattr(socket, 'socket', no_network)
    cfg = {'type': cls.__name__, 'data_root': str(tmp_path)}
    message = error_of(check_dataset, cfg)
    assert cls.url in message and cls.train_list[0][0] in message
    write_cifar(tmp_path, cls)
    assert 'checksum' in error_of(check_dataset, cfg)
    for attribute in ('train_list', 'test_list'):
        names = [[name, None] for name, _ in getattr(cls, attribute)]
        monkeypatch.setattr(cls, attribute, names)
    monkeypatch.setattr(cls, 'meta', {**cls.meta, 'md5': None})
    check_dataset(cfg)
    next(tmp_path.glob('*/*')).unlink()
    assert 'no such file' in error_of(check_dataset, cfg)


def test_imagenet_layouts(image_folder, tmp_path):
    cfg = {'type': 'ImageNet', 'data_root': str(tmp_path), 'split': 'train'}
    assert 'train: no such folder' in error_of(check_dataset, cfg)
    (tmp_path / 'train').mkdir()
    assert 'no class folders' in error_of(check_dataset, cfg)
    image_folder('train', {'n1': 1, 'n2': 1})
    message = error_of(check_dataset, cfg)
    assert '2 class folders' in message and 'num_classes=2' in message
    check_dataset({**cfg, 'metainfo': {'classes': ('x', 'y')}})
    # The file that the host finds by itself is enough, and is checked.
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta' / 'train.txt').write_text('n1/0.png 999\n')
    check_dataset(cfg)
    assert len(DATASETS.build(cfg)) == 1
    (tmp_path / 'meta' / 'train.txt').write_text('n1/0.png\n')
    assert 'line 1' in error_of(check_dataset, cfg)
    named = {**cfg, 'ann_file': 'mine.txt'}
    assert 'mine.txt: no such' in error_of(check_dataset, named)


def test_wrapped_configs_are_looked_into(tmp_path):
    leaf = {'type': 'ClassFolder', 'data_root': str(tmp_path / 'gone')}
    inner = {'type': 'RepeatDataset', 'times': 2, 'dataset': leaf}
    cfg = {'type': 'ConcatDataset', 'datasets': [inner]}
    assert 'gone: no such folder' in error_of(check_dataset, cfg)


def test_a_folder_without_an_image(image_folder, tmp_path):
    (tmp_path / 'x' / 'a').mkdir(parents=True)
    cfg = {'type': 'ClassFolder', 'data_root': str(tmp_path), 'split': 'x'}
    assert '/x: holds no image' in error_of(check_dataset, cfg)
    image_folder('x', {'b': 1})
    check_dataset(cfg)


def test_built_data_sets(image_folder):
    root = image_folder('x', {'a': 2})
    dataset = folder(root)
    check_dataset(dataset)
    empty = folder(root, indices=0, serialize_data=False)
    assert 'no samples' in error_of(check_dataset, empty)
    joined = ConcatDataset([dataset, empty])
    assert 'no samples' in error_of(check_dataset, joined)


def test_labels_outside_of_the_head(image_folder, rng):
    root = image_folder('x', {f'c{n}': 1 for n in range(7)})
    dataset = folder(root)
    check_labels(dataset, 7)
    limit = int(rng.integers(1, 7))
    message = error_of(check_labels, dataset, limit)
    assert f'c{limit}/0.png: label {limit} ' in message
    assert message.endswith('model.head.num_classes=7')
    repeated = RepeatDataset(dataset, 2)
    for wrapped in (repeated, ConcatDataset([folder(root), dataset])):
        check_labels(wrapped, 7)
        assert 'num_classes=7' in error_of(check_labels, wrapped, limit)


def test_minus_one_is_unlabelled(image_folder, tmp_path):
    root = image_folder('x', {'a': 2})
    path = tmp_path / 'x' / 'list.txt'
    path.write_text('a/0.png -1\na/1.png 0\n')
    dataset = folder(root, ann_file='list.txt')
    assert check_labels(dataset, 1) == 1
    assert check_labels(ConcatDataset([dataset, dataset]), 1) == 2
    message = error_of(check_labels, dataset, 1, False)
    assert 'a/0.png: has no label (-1)' in message
    path.write_text('a/0.png -2\na/1.png 0\n')
    message = error_of(check_labels, folder(root, ann_file='list.txt'), 1)
    assert 'a/0.png: label -2 is below' in message


def test_classes_of_training_and_validation(image_folder):
    train = folder(image_folder('t', {'a': 1, 'b': 1, 'c': 1}))
    check_same_classes(train, folder(image_folder('v', dict(a=1, b=1, c=1))))
    root = image_folder('w', {'a': 1, 'c': 1})
    assert "such as 'b'" in error_of(check_same_classes, train, folder(root))
    val = folder(root, metainfo={'classes': train.metainfo['classes']})
    check_same_classes(train, val)
    assert val.get_gt_labels().tolist() == [0, 2]
    val._metainfo['classes'] = ('b', 'a', 'c')
    assert 'in their order' in error_of(check_same_classes, train, val)


def test_classes_that_are_spelt_in_another_way(image_folder):
    """Their labels agree, as they follow the order of the folders."""
    train = folder(image_folder('t', {'Cat': 1, 'Polar_bear': 1}))
    val = folder(image_folder('v', {'cat': 1, 'polar bear': 1}))
    check_same_classes(train, val)
    swapped = folder(val.img_prefix, metainfo=dict(classes=val.CLASSES[::-1]))
    assert 'in their order' in error_of(check_same_classes, train, swapped)
    # Where capitals tell two classes apart, they matter.
    val._metainfo['classes'], train._metainfo['classes'] = 'aA', 'Aa'
    assert 'in their order' in error_of(check_same_classes, train, val)
