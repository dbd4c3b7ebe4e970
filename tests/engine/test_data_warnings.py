"""What is suspicious about data is said, and what may be meant is not."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmpretrain.registry import DATASETS

from cds_mm.config import evaluated_side, image_side, load_config
from cds_mm.engine.data_warnings import (
    warn_of_data,
    warn_of_equal_labels,
    warn_of_missing_classes,
    warn_of_sizes,
)
from cds_mm.run_warnings import forget_warnings, warnings_so_far
from cds_mm.testing import CONFIGS, write_class_folder

LOGGER = logging.getLogger('data_warnings')


@pytest.fixture
def dataset(folder):
    def build(**options):
        return DATASETS.build(
            dict(type='ClassFolder', data_root=str(folder), **options)
        )

    return build


def warned(data, split='train'):
    forget_warnings()
    warn_of_missing_classes(data, split, LOGGER)
    return ' '.join(warnings_so_far())


def test_indices_of_a_sorted_folder(dataset):
    data = dataset(split='train', indices=12)
    said = warned(data)
    assert 'no image of 2 of 4 classes (c, d); train_dataloader' in said
    assert 'images_per_class' in said
    assert 'test_dataloader' in warned(data, 'test'), 'there too'
    assert '(a, b)' in warned(dataset(split='train', indices=-12))
    assert 'images_per_class' in warned(ConcatDataset([data, data]))
    # As it says.
    assert not warned(dataset(split='train', images_per_class=3))
    assert not warned(dataset(split='train', indices=32))
    assert not warned(dataset(split='train'))


def test_a_class_that_has_no_image(dataset):
    named = dict(metainfo=dict(classes=('a', 'b', 'c', 'd', 'e')))
    data = dataset(split='train', **named)
    assert '1 of 5 classes (e); add some' in warned(data)
    assert not warned(data, 'val'), 'may be meant'
    listed = dataset(split='train', indices=[0, 1, 9], **named)
    assert 'add some' in warned(listed), 'chosen one by one'


def test_images_without_names_or_labels(dataset, tmp_path, folder):
    (tmp_path / 'list.txt').write_text('train/a/000.jpg 3\n')
    assert not warned(dataset(ann_file=str(tmp_path / 'list.txt')))
    assert not warned(dataset(split='train', with_label=False))
    semi = dataset(split='train', unlabelled='test', indices=40)
    assert not warned(semi)


def config(train, test):
    load = dict(type='LoadRGBImage')
    steps = [load, dict(type='AntialiasedResizedCrop', scale=train)]
    return Config(
        dict(
            train_dataloader=dict(dataset=dict(pipeline=steps)),
            test_dataloader=dict(dataset=dict(pipeline=[load, *test])),
        )
    )


def test_images_of_another_size():
    crop = dict(type='CenterCrop', crop_size=224)
    resize = dict(type='ResizeEdge', scale=256)
    cfg = config(64, [resize, crop])
    warn_of_sizes(cfg, 'test', LOGGER)
    (said,) = warnings_so_far()
    assert '224 pixels a side, those of training 64' in said
    forget_warnings()
    for cfg in (config(224, [resize, crop]), config(64, [])):
        warn_of_sizes(cfg, 'test', LOGGER)
    assert not warnings_so_far()


def test_our_own_configs_test_what_they_train():
    for name in ('cds_r50_folder.py', 'cds_r50_in1k.py',
                 'finegrained/cds_r50_cub.py'):  # fmt: skip
        cfg = load_config(str(CONFIGS / name))
        sides = {image_side(cfg)}
        sides |= {evaluated_side(cfg, split) for split in ('val', 'test')}
        assert sides in ({224}, {448}), name


@pytest.mark.parametrize('split', ['train', 'test'])
def test_files_that_a_reader_of_the_host_leaves_out(tmp_path, split):
    write_class_folder(tmp_path, dict(a=2, b=2), 8)
    (tmp_path / 'a' / 'x.webp').touch()
    data = DATASETS.build(dict(type='CustomDataset', data_root=str(tmp_path)))
    loader = SimpleNamespace(dataset=data)
    runner = SimpleNamespace(logger=LOGGER, **{f'{split}_dataloader': loader})
    warn_of_data(runner, Config(dict(model={})), (split,))
    (said,) = warnings_so_far()
    assert '1 of 5 files were left out: 1 of other suffixes (.webp 1)' in said


def test_labels_that_teach_nothing(dataset, folder, tmp_path):
    path = tmp_path / 'list.txt'

    def said(*labels):
        lines = [
            f'train/{c}/000.jpg {n}'
            for c, n in zip('abc', labels, strict=True)
        ]
        path.write_text('\n'.join(lines))
        forget_warnings()
        warn_of_equal_labels(dataset(ann_file=str(path)), 3, LOGGER)
        return ' '.join(warnings_so_far())

    assert 'not one of 3 images has a label' in said(-1, -1, -1)
    assert 'all labelled images have label 2, of 3' in said(2, 2, -1)
    assert not said(0, 1, -1)
    unlabelled = dataset(split='train', with_label=False)
    warn_of_equal_labels(unlabelled, 3, LOGGER)
    assert not warnings_so_far()
