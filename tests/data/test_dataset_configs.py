import os
import pickle

import numpy as np
import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR100
from mmpretrain.registry import DATASETS, MODELS

from cds_mm.config import training_views
from cds_mm.data import seed_fetches

FOLDER = 'configs/_base_/datasets'
ROOT = 'train_dataloader.dataset.data_root'
SAMPLE = 'data/imagenet_sample'


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def config(name, recipe='one_view', **options):
    cfg = Config.fromfile(f'{FOLDER}/{name}.py')
    cfg.train_dataloader.dataset.pipeline = cfg[recipe]
    cfg.data_preprocessor.update(cfg[f'{recipe}_on_device'])
    cfg.merge_from_dict({'train_dataloader.num_workers': 0, **options})
    return cfg


def first_batch(cfg):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    seed_fetches(loader.dataset, 0)
    return next(iter(loader))


def views_as_a_whole(name, recipe):
    """The steps of each view, from after loading to before packing."""
    views = training_views(config(name, recipe))
    return [
        [s for s in view if not s['type'].startswith(('Load', 'Pack'))]
        for view in views
    ]


def through_the_preprocessor(cfg, batch):
    model = MODELS.build(cfg.data_preprocessor)
    return model(batch, training=True)


@pytest.mark.parametrize(
    'name', ['cifar10', 'cifar100', 'cifar10_folder', 'in1k', 'folder']
)
def test_every_file_states_what_a_runner_needs(name):
    cfg = config(name)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        host = 'collate_views' if split == 'train' else 'default_collate'
        assert loader.collate_fn.type == host
        assert loader.dataset.get('download', False) is False
        assert loader.dataset.get('test_mode', False) is (split != 'train')
        assert loader.sampler.shuffle is (split == 'train')
        assert not loader.get('drop_last', False)
        assert not loader.persistent_workers
    assert cfg.train_dataloader.dataset.pipeline == cfg.one_view
    assert cfg.val_dataloader.dataset.pipeline == cfg.test_view
    assert cfg.val_evaluator == cfg.test_evaluator
    (alone,) = views_as_a_whole(name, 'one_view')
    first, second = views_as_a_whole(name, 'two_views')
    assert alone == first != second
    if 'cifar' in name:
        (plain,) = views_as_a_whole(name, 'one_view_plain')
        assert plain == [s for s in alone if s['type'] != 'ClippedCutout']
    whole = 256 if name in ('in1k', 'folder') else 128
    gpus = 8 if name in ('in1k', 'folder') else 1
    assert cfg.train_dataloader.batch_size * gpus == whole


def test_folder_with_the_data_root_alone(image_folder, tmp_path):
    root = os.path.dirname(image_folder('set/train', {'a': 3, 'b': 2}))
    image_folder('set/val', {'a': 1, 'b': 1})
    cfg = config('folder', 'two_views', **{ROOT: root})
    batch = first_batch(cfg)
    assert [view.shape for view in batch['inputs']] == [(5, 3, 224, 224)] * 2
    out = through_the_preprocessor(cfg, batch)
    assert out['inputs'].shape == (10, 3, 224, 224)
    assert sorted(int(s.gt_label) for s in out['data_samples']) == [
        0,
        0,
        0,
        1,
        1,
    ]
    cfg.merge_from_dict({'val_dataloader.dataset.data_root': root})
    val = DATASETS.build(cfg.val_dataloader.dataset)
    assert val[0]['inputs'].shape == (3, 224, 224)


def test_cifar_pickles_stay_rgb(tmp_path, monkeypatch, rng):
    base = tmp_path / CIFAR100.base_folder
    base.mkdir()
    pixels = np.zeros((4, 3, 32, 32), np.uint8)
    pixels[:, 0] = 200
    content = pickle.dumps(
        {'data': pixels.reshape(4, -1), 'fine_labels': [3, 1, 4, 1]}
    )
    for split in ('train', 'test'):
        (base / split).write_bytes(content)
        monkeypatch.setattr(CIFAR100, f'{split}_list', [[split, None]])
    monkeypatch.setattr(CIFAR100, 'meta', {**CIFAR100.meta, 'md5': None})
    cfg = config('cifar100', **{ROOT: str(tmp_path)})
    cfg.train_dataloader.dataset.pipeline = cfg.test_view
    cfg.data_preprocessor.views = None
    out = through_the_preprocessor(cfg, first_batch(cfg))
    # By hand: (200 - 125.307) / 51.5865, then (0 - mean) / std.
    wanted = torch.tensor([1.44792, -2.41826, -2.22139])
    assert torch.allclose(
        out['inputs'], wanted[:, None, None].expand(4, 3, 32, 32), atol=1e-4
    )


def test_imagenet_annotation_file(image_folder, tmp_path):
    image_folder('set/train/n1', {'': 2})
    with open(tmp_path / 'set' / 'list.txt', 'w') as file:
        file.write('n1/0.png 999\nn1/1.png 5\n')
    options = {
        ROOT: str(tmp_path / 'set'),
        'train_dataloader.dataset.ann_file': 'list.txt',
    }
    batch = first_batch(config('in1k', **options))
    labels = sorted(int(s.gt_label) for s in batch['data_samples'])
    assert labels == [5, 999]


@pytest.mark.skipif(
    not os.path.isdir(SAMPLE), reason=f'{SAMPLE} is not unpacked'
)
def test_flat_imagenet_sample_by_options():
    # The options that the head of in1k.py gives.
    with open(f'{FOLDER}/in1k.py') as file:
        text = file.read()
    lines = [
        line.strip('# \n').split('=')
        for line in text.splitlines()
        if line.startswith('#   train_dataloader')
    ]
    assert len(lines) == 4
    cfg = config('in1k', 'two_views', **dict(lines))
    cfg.train_dataloader.batch_size = 4
    batch = first_batch(cfg)
    assert batch['inputs'][1].shape == (4, 3, 224, 224)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    files = os.listdir(SAMPLE)
    assert len(dataset) == len(files)
    assert len(dataset.CLASSES) == len({f.split('_')[0] for f in files})
