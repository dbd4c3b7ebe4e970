"""The fine-grained sets: our configs, the host's classes, wrong layouts."""

import copy
import functools
import os
import shutil

import pytest
from fine_grained_sets import (
    write_aircraft,
    write_cars,
    write_cars_in_one,
    write_cub,
    write_dogs,
    write_flowers,
)
from mmengine import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS

from cds_mm.data import check_dataset, check_same_classes
from cds_mm.data.layouts import LAYOUTS, layout_of
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS

SETS = [
    ('cub', write_cub),
    ('cars', write_cars),
    ('cars', write_cars_in_one),
    ('flowers', write_flowers),
    ('dogs', write_dogs),
    ('aircraft', write_aircraft),
]
CLASSES = dict(cub=200, cars=196, flowers=None, dogs=4, aircraft=100)
TRAIN = dict(flowers='trainval', aircraft='trainval')


@functools.cache
def parsed(name):
    return Config.fromfile(CONFIGS / '_base_' / 'datasets' / f'{name}.py')


def config(name, root):
    cfg = copy.deepcopy(parsed(name))
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.data_root == f'data/{name}'
        dataset.data_root = str(root)
    return cfg


def error_of(cfg):
    messages = set()
    for split in ('train', 'val'):
        with pytest.raises(UserError) as error:
            check_dataset(cfg[f'{split}_dataloader'].dataset)
        messages.add(str(error.value))
    (message,) = messages
    assert '\n' not in message
    return message


def samples(dataset, root):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        (os.path.relpath(info['img_path'], root), info['gt_label'])
        for info in infos
    ]


@pytest.mark.parametrize(('name', 'write'), SETS)
def test_a_set_as_downloaded(name, write, tmp_path, rng):
    told = write(tmp_path, rng)
    cfg = config(name, tmp_path)
    built = {}
    for split, wanted in (
        ('train', told[TRAIN.get(name, 'train')]),
        ('val', told['test']),
    ):
        dataset = cfg[f'{split}_dataloader'].dataset
        check_dataset(dataset)
        built[split] = DATASETS.build(dataset)
        assert samples(built[split], tmp_path) == wanted
        assert built[split].test_mode is (split == 'val')
        check_dataset(built[split])
    assert cfg.test_dataloader == cfg.val_dataloader
    check_same_classes(built['train'], built['val'])
    classes = built['train'].metainfo.get('classes')
    assert (classes and len(classes)) == CLASSES[name]
    assert built['val'][0]['inputs'].shape == (3, 224, 224)


@pytest.mark.parametrize(('name', 'write'), SETS)
def test_two_views_of_every_image(name, write, tmp_path, rng):
    told = write(tmp_path, rng)[TRAIN.get(name, 'train')]
    cfg = config(name, tmp_path)
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.num_workers) == (64, 8)
    assert loader.dataset.pipeline == cfg.one_view
    loader.dataset.pipeline = cfg.two_views
    loader.update(num_workers=0, pin_memory=False)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    shape = (len(told), 3, 224, 224)
    assert [view.shape for view in batch['inputs']] == [shape, shape]
    got = [int(sample.gt_label) for sample in batch['data_samples']]
    assert sorted(got) == sorted(label for _, label in told)


@pytest.mark.parametrize(('name', 'write'), SETS)
def test_anything_that_is_missing_is_named(name, write, tmp_path, rng):
    whole = tmp_path / 'whole'
    write(whole, rng)
    cfg = config(name, whole)
    layout = layout_of(DATASETS.get(cfg.train_dataloader.dataset.type))
    (way,) = (
        way
        for way in layout.ways
        if all((whole / path).exists() for path in way)
    )
    # Without the last file of a way the other way counts.
    for path in way[:-1] if layout.ways.index(way) == 0 else way:
        broken = tmp_path / 'here' / 'broken'
        shutil.copytree(whole, broken)
        shutil.move(broken / path, tmp_path / 'moved')
        message = error_of(config(name, broken))
        assert message.startswith(
            f'{broken}: no {path}; {layout.title} as downloaded has '
            f'{", ".join(way)}'
        )
        assert '; found ' in message
        assert message.endswith(
            f': unpack {layout.sources} there, or set data_root to where it is'
        )
        shutil.rmtree(tmp_path / 'here')
        moved = tmp_path / 'moved'
        shutil.rmtree(moved) if moved.is_dir() else moved.unlink()


@pytest.mark.parametrize(('name', 'write'), SETS)
def test_a_folder_of_the_archive_too_many_or_too_few(
    name, write, tmp_path, rng
):
    inner = tmp_path / 'here' / 'top' / 'again'
    write(inner, rng)
    mend = f'set data_root={inner}'
    for root in (inner.parent, inner.parent.parent):
        message = error_of(config(name, root))
        assert message.endswith(f'; found {os.listdir(root)[0]}/: {mend}')
    below = next(path for path in inner.iterdir() if path.is_dir())
    assert error_of(config(name, below)).endswith(f': {mend}')
    assert error_of(config(name, inner / 'gone')).endswith(mend)


def test_the_message_in_full(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cub(tmp_path / 'data' / 'cub' / 'CUB_200_2011', rng)
    assert error_of(config('cub', 'data/cub/')) == (
        'data/cub/: no images/; CUB-200-2011 as downloaded has images/, '
        'images.txt, image_class_labels.txt, train_test_split.txt; found '
        'CUB_200_2011/: set data_root=data/cub/CUB_200_2011'
    )
    assert error_of(config('dogs', 'data/dogs')) == (
        'data/dogs: no such folder; Stanford Dogs as downloaded has Images/, '
        'train_list.mat, test_list.mat, or Images/, lists/train_list.mat, '
        'lists/test_list.mat; unpack images.tar and lists.tar there, or set '
        'data_root to where it is'
    )


def test_what_is_found_stays_short(tmp_path):
    assert '; found nothing: unpack' in error_of(config('cars', tmp_path))
    for number in range(7):
        (tmp_path / f'{number}.txt').write_text('')
    (tmp_path / 'x').mkdir()
    (tmp_path / '.hidden').write_text('')
    message = error_of(config('cars', tmp_path))
    assert 'found x/, 0.txt, 1.txt, 2.txt and 4 more: ' in message


def test_cars_without_the_labels_of_the_test_set(tmp_path, rng):
    write_cars(tmp_path, rng)
    (tmp_path / 'devkit' / 'cars_test_annos_withlabels.mat').unlink()
    message = error_of(config('cars', tmp_path))
    assert 'no devkit/cars_test_annos_withlabels.mat' in message
    assert 'into devkit/, cars_test_annos_withlabels.mat there' in message


def test_the_list_that_the_host_takes_counts(tmp_path, rng):
    # With cars_annos.mat it never looks at cars_train.
    write_cars(tmp_path, rng)
    write_cars_in_one(tmp_path / 'other', rng)
    shutil.copy(tmp_path / 'other' / 'cars_annos.mat', tmp_path)
    shutil.rmtree(tmp_path / 'other')
    message = error_of(config('cars', tmp_path))
    assert ': no car_ims/; Stanford Cars' in message
    assert message.endswith(': take cars_annos.mat away, the rest will do')
    (tmp_path / 'cars_annos.mat').unlink()
    check_dataset(config('cars', tmp_path).train_dataloader.dataset)


@pytest.mark.parametrize(
    ('name', 'write', 'folder'),
    [
        ('cub', write_cub, 'images'),
        ('cars', write_cars, 'cars_test'),
        ('aircraft', write_aircraft, 'data/images'),
    ],
)
def test_a_folder_in_one_of_its_own_name(name, write, folder, tmp_path, rng):
    write(tmp_path / 'set', rng)
    inner = tmp_path / 'set' / folder
    inner.rename(tmp_path / 'kept')
    inner.mkdir()
    (tmp_path / 'kept').rename(inner / inner.name)
    message = error_of(config(name, tmp_path / 'set'))
    assert message == (
        f'{inner}/: holds nothing but another {inner.name}/; move what is in '
        'that one folder up'
    )
    (inner / 'an_image.jpg').write_bytes(b'')
    check_dataset(config(name, tmp_path / 'set').train_dataloader.dataset)


def test_every_layout_belongs_to_a_config():
    kinds = {
        DATASETS.get(config(name, '').train_dataloader.dataset.type)
        for name, _ in SETS
    }
    assert kinds == set(LAYOUTS)
