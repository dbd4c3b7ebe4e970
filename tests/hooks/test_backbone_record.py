"""A real run's checkpoint carries the record and converts without flags."""

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner
from mmpretrain.registry import DATASETS

from cds_mm.checkpoint import Options, convert, read_checkpoint

MEAN, STD = [10.5, 20.25, 30.125], [57.12, 58.395, 2.5]
BACKBONE = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
    'frozen_stages': 1,
}


@DATASETS.register_module()
class FourNoiseImages(BaseDataset):
    """Random uint8 images with labels."""

    def __init__(self, pipeline=()):
        self.pipeline_cfg = pipeline
        self._metainfo, self._fully_initialized = {}, True

    def full_init(self):
        """Nothing to read."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        from mmpretrain.structures import DataSample

        image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
        sample = DataSample().set_gt_label(index % 2)
        return {'inputs': image, 'data_samples': sample}


def config(work_dir, loader, **changes):
    return Config(
        {
            'default_scope': 'mmpretrain',
            'work_dir': str(work_dir),
            # By default the time in seconds: two tests would share a logger.
            'experiment_name': str(work_dir),
            'model': {
                'type': 'ImageClassifier',
                'backbone': BACKBONE,
                'neck': {'type': 'GlobalAveragePooling'},
                'head': {
                    'type': 'LinearClsHead',
                    'num_classes': 2,
                    'in_channels': 64,
                },
                'data_preprocessor': {
                    'type': 'ClsDataPreprocessor',
                    'mean': MEAN,
                    'std': STD,
                    'to_rgb': True,
                },
            },
            'train_dataloader': {
                'batch_size': 2,
                'num_workers': 0,
                'dataset': {
                    'type': 'FourNoiseImages',
                    'pipeline': [{'type': loader}],
                },
                'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            },
            'train_cfg': {'by_epoch': True, 'max_epochs': 1},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.01}},
            'custom_hooks': [{'type': 'BackboneRecordHook', 'method': 'x'}],
            'log_level': 'WARNING',
            **changes,
        }
    )


@pytest.fixture
def run(tmp_path):
    def call(loader='LoadImageFromFile', **changes):
        cfg = config(tmp_path / 'run', loader, **changes)
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner, tmp_path / 'run' / 'epoch_1.pth'

    return call


def test_record_of_a_run(run, tmp_path):
    runner, path = run()
    record = read_checkpoint(path)['meta']['cds_mm']
    assert record['backbone'] == BACKBONE
    assert (record['mean'], record['std']) == (MEAN, STD)
    assert record['channel_order'] == 'rgb'
    assert record['method'] == 'x'
    result = convert(path, tmp_path / 'b.pth')
    state = torch.load(result.path, weights_only=True)['state_dict']
    trained = runner.model.backbone.state_dict()
    assert state.keys() == trained.keys()
    assert all(torch.equal(state[k], trained[k]) for k in state)


def test_averaged_weights_of_a_run(run, tmp_path):
    hooks = [
        {'type': 'BackboneRecordHook'},
        {'type': 'EMAHook', 'momentum': 0.5},
    ]
    optim = {'optimizer': {'type': 'SGD', 'lr': 0.5}}
    runner, path = run(custom_hooks=hooks, optim_wrapper=optim)
    raw = runner.model.backbone.state_dict()
    hook = next(h for h in runner.hooks if hasattr(h, 'ema_model'))
    averaged = hook.ema_model.module.backbone.state_dict()
    key = 'layer4.1.conv2.weight'
    assert not torch.equal(raw[key], averaged[key])
    for flag, expected in ((True, averaged), (False, raw)):
        dst = tmp_path / f'{flag}.pth'
        convert(path, dst, Options(ema=flag))
        state = torch.load(dst, weights_only=True)['state_dict']
        assert all(torch.equal(state[k], expected[k]) for k in state)


def test_unknown_loader_is_not_guessed(run):
    _, path = run(loader='LoadSomeImage')
    assert read_checkpoint(path)['meta']['cds_mm']['channel_order'] is None
