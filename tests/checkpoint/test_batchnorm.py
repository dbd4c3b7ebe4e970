"""Re-estimated statistics are those of the data, by NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmpretrain.registry import DATASETS
from PIL import Image
from torch import nn

from cds_mm.checkpoint import (
    BackboneRecord,
    Options,
    convert,
    reestimate_batchnorm,
)
from cds_mm.checkpoint.batchnorm import first_views
from cds_mm.commands.convert_backbone import main
from cds_mm.errors import UserError
from cds_mm.outcome import friendly_main
from cds_mm.testing import class_folder

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
RAW = BackboneRecord(
    backbone={},
    channel_order='rgb',
    mean=[1.0, 2.0, 3.0],
    std=[2.0, 4.0, 8.0],
)


@DATASETS.register_module()
class TwoFlatViews(BaseDataset):
    """Image i is flat, in view 0 with values 3i, 3i+1, 3i+2."""

    def __init__(self, collate='views', count=6):
        self.collate, self.count = collate, count
        self._metainfo, self._fully_initialized = {}, True

    def __len__(self):
        return self.count

    def full_init(self):
        """Nothing to read."""

    def __getitem__(self, index):
        values = torch.arange(3 * index, 3 * index + 3, dtype=torch.uint8)
        first = values.view(3, 1, 1).expand(3, 4, 4).contiguous()
        if self.collate == 'single':
            return {'inputs': first}
        return {'inputs': [first, torch.full_like(first, 255)]}


@DATASETS.register_module()
class DrawnView(TwoFlatViews):
    """Each pixel is drawn anew whenever it is asked for."""

    def __getitem__(self, index):
        drawn = torch.randint(256, (3, 32, 32), dtype=torch.uint8)
        return {'inputs': drawn}


def test_mean_and_variance_of_known_data(seed):
    generator = np.random.default_rng(seed)
    batches = generator.normal(3, 2, (4, 8, 5, 6, 7)).astype(np.float32)
    layer = nn.BatchNorm2d(5, momentum=0.3)
    layer.running_mean.fill_(99)
    model = nn.Sequential(nn.Identity(), layer)
    seen = reestimate_batchnorm(model, map(torch.from_numpy, batches))
    assert seen == 32
    # The mean of the batches' own statistics, variances unbiased.
    mean = np.mean([b.mean(axis=(0, 2, 3)) for b in batches], axis=0)
    variance = np.mean(
        [b.var(axis=(0, 2, 3), ddof=1) for b in batches], axis=0
    )
    np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-4)
    np.testing.assert_allclose(layer.running_var, variance, rtol=1e-4)


def test_second_layer_sees_normalised_input(seed):
    first, second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    model = nn.Sequential(first, second)
    reestimate_batchnorm(model, [torch.randn(64, 3, 4, 4) * 5 + 2])
    assert second.running_mean.abs().max() < 1e-4
    assert (second.running_var - 1).abs().max() < 1e-2


def test_only_batchnorm_trains_and_modes_come_back(seed):
    model = nn.Sequential(nn.Dropout(1.0), nn.BatchNorm2d(3, momentum=0.2))
    model.train()
    model[1].eval()
    images = torch.randn(4, 3, 2, 2) + 7
    reestimate_batchnorm(model, [images])
    # A dropout in training mode would have made everything zero.
    expected = images.mean(dim=(0, 2, 3))
    torch.testing.assert_close(model[1].running_mean, expected)
    assert [m.training for m in model] == [True, False]
    assert model[1].momentum == 0.2
    assert model[1].weight.grad is None


def test_nothing_to_estimate():
    with pytest.raises(UserError, match='no BatchNorm'):
        reestimate_batchnorm(nn.Linear(2, 2), [torch.ones(1, 2)])
    layer = nn.BatchNorm2d(3)
    layer.running_mean.fill_(5)
    with pytest.raises(UserError, match='no image'):
        reestimate_batchnorm(layer, [])
    assert layer.running_mean.tolist() == [5, 5, 5]


def config(collate, collate_fn, **preprocessor):
    return Config(
        {
            'data_preprocessor': {'mean': MEAN, 'std': STD, **preprocessor},
            'train_dataloader': {
                'batch_size': 2,
                'num_workers': 0,
                'dataset': {'type': 'TwoFlatViews', 'collate': collate},
                'sampler': {'type': 'DefaultSampler', 'shuffle': False},
                'collate_fn': {'type': collate_fn},
            },
        }
    )


@pytest.mark.parametrize(
    ('collate', 'collate_fn'),
    [
        ('views', 'default_collate'),
        ('views', 'pseudo_collate'),
        ('single', 'default_collate'),
        ('single', 'pseudo_collate'),
    ],
)
def test_first_views_however_collated(collate, collate_fn):
    cfg = config(collate, collate_fn)
    batches = list(first_views(cfg, RAW, images=5))
    assert [len(b) for b in batches] == [2, 2, 1]
    images = torch.cat(batches)
    raw = np.arange(15).reshape(5, 3)
    expected = (raw - RAW.mean) / RAW.std
    np.testing.assert_allclose(images[:, :, 0, 0], expected)
    assert (images == images[:, :, :1, :1]).all()


def test_first_views_in_the_order_of_the_network():
    cfg = config('views', 'default_collate')
    record = replace(RAW, channel_order='bgr')
    batch = next(first_views(cfg, record, images=1))
    expected = (np.array([2, 1, 0]) - RAW.mean) / RAW.std
    np.testing.assert_allclose(batch[0, :, 0, 0], expected)


def test_conversion_replaces_the_statistics(tmp_path, training_file):
    src, trained = training_file()
    cfg = config('views', 'default_collate')
    cfg.train_dataloader.dataset.count = 4
    options = Options(reestimate_bn=cfg, bn_images=4)
    result = convert(src, tmp_path / 'b.pth', options)
    assert result.record.batchnorm_images == 4
    state = torch.load(result.path, weights_only=True)['state_dict']
    values = torch.load(src, weights_only=True)['meta']['cds_mm']
    record = BackboneRecord.from_dict(values, src)
    batches = list(first_views(cfg, record, 4))
    with torch.no_grad():
        expected = torch.stack(
            [trained.conv1(b).mean(dim=(0, 2, 3)) for b in batches]
        ).mean(dim=0)
    torch.testing.assert_close(
        state['bn1.running_mean'], expected, rtol=1e-4, atol=1e-5
    )
    assert torch.equal(state['conv1.weight'], trained.conv1.weight)


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        ({'mean': [0.0, 0.0, 0.0]}, r'has mean=\[0\.0.*trained with \[123'),
        ({'std': [1.0, 1.0, 1.0]}, r'has std=\[1\.0.*trained with \[58'),
        ({'to_rgb': True}, r'has channel_order=bgr.*trained with rgb'),
    ],
)
def test_config_of_another_input(tmp_path, training_file, changes, line):
    src, _ = training_file()
    cfg = config('views', 'default_collate', **changes)
    with pytest.raises(UserError, match=line) as caught:
        convert(src, tmp_path / 'b.pth', Options(reestimate_bn=cfg))
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'b.pth').exists()


@pytest.mark.parametrize('workers', [0, 2])
def test_seeded_views_are_the_same_each_time(workers):
    cfg = config('single', 'default_collate')
    cfg.train_dataloader.dataset = {'type': 'DrawnView'}
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    plain = [dataset[0]['inputs'] for _ in range(2)]
    cfg.train_dataloader.num_workers = workers
    again = torch.cat(list(first_views(cfg, RAW, 6)))
    cfg.train_dataloader.num_workers = 0
    seeded = torch.cat(list(first_views(cfg, RAW, 6)))
    assert not torch.equal(*plain)  # else this shows nothing
    assert torch.equal(seeded, again)


def test_the_tool_writes_the_same_file_twice(tmp_path, training_file):
    src, _ = training_file()
    cfg = config('single', 'default_collate')
    cfg.train_dataloader.dataset = {'type': 'DrawnView'}
    cfg.dump(tmp_path / 'cfg.py')
    written = []
    for name in ('a.pth', 'b.pth'):
        flags = ['--reestimate-bn', str(tmp_path / 'cfg.py')]
        argv = [str(src), str(tmp_path / name), *flags]
        assert friendly_main(main)(argv) == 0
        content = torch.load(tmp_path / name, weights_only=True)
        written.append(content['state_dict']['bn1.running_mean'])
    assert torch.equal(*written)


def test_the_part_of_a_view_that_the_device_does_is_done(monkeypatch, request):
    """White images: the crop brings in grey, and Cutout black."""
    monkeypatch.chdir(request.config.rootpath)
    cfg = Config.fromfile('configs/_base_/datasets/cifar10_folder.py')
    with class_folder({'a': 8, 'b': 8}, side=32) as root:
        for path in filter(Path.is_file, Path(root).rglob('*')):
            Image.new('RGB', (32, 32), 'white').save(path)
        cfg.train_dataloader.dataset.update(data_root=str(root), split='')
        cfg.train_dataloader.num_workers = 0
        before = cfg.to_dict()
        record = replace(RAW, mean=[0.0] * 3, std=[1.0] * 3)
        images = torch.cat([*first_views(cfg, record, 16)])
    assert cfg.to_dict() == before
    assert images.unique().tolist() == [0, 128, 255]
    assert all((image == 0).any() for image in images)
