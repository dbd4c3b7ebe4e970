"""Networks with random statistics, detectors, and malicious objects."""

import logging
import os
import random
import zipfile

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from torch import nn

from cds_mm.checkpoint import BackboneRecord
from cds_mm.commands import convert_backbone
from cds_mm.outcome import friendly_main

MEAN = [123.675, 116.28, 103.53]
STD = [58.395, 57.12, 57.375]
# A quarter of the width: files of 3 MB make quick tests.
NARROW = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 16,
    'stem_channels': 16,
    'style': 'pytorch',
}


@pytest.fixture
def run(capsys):
    """``run(SRC, DST, ...)`` converts: exit code, stdout, stderr."""

    def call(*arguments):
        main = friendly_main(convert_backbone.main)
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture(autouse=True)
def statistics_of_the_host():
    """Reading a hostile log buffer as the host does changes its class."""
    before = HistoryBuffer._statistics_methods.copy()
    yield
    HistoryBuffer._statistics_methods.clear()
    HistoryBuffer._statistics_methods.update(before)


@pytest.fixture
def seed():
    """Fresh for each test and in its output; CDS_MM_SEED repeats one."""
    value = int(os.environ.get('CDS_MM_SEED') or random.randrange(1 << 31))
    # Logged, not printed: tests of the command line read what is printed.
    logging.getLogger(__name__).warning('CDS_MM_SEED=%d', value)
    torch.manual_seed(value)
    random.seed(value)
    return value


def randomise_norms(model: nn.Module) -> nn.Module:
    """A fresh network has the statistics 0 and 1, which hide mistakes."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.3, 1)
            nn.init.normal_(module.bias, 0, 0.2)
    model.eval()
    return model


@pytest.fixture
def resnet(seed):
    """Builds a random torchvision network by name."""
    import torchvision

    def build(name='resnet18'):
        return randomise_norms(getattr(torchvision.models, name)())

    return build


@pytest.fixture
def mm_backbone(seed):
    """Builds a random MMPretrain backbone from its config."""
    import mmpretrain.models  # noqa: F401
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS

    def build(**cfg):
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            return randomise_norms(MODELS.build(cfg))

    return build


@pytest.fixture
def record():
    """The record of a ResNet-18 that was trained the usual way."""

    def make(**changes):
        values = {
            'backbone': dict(NARROW),
            'channel_order': 'rgb',
            'mean': list(MEAN),
            'std': list(STD),
            'method': 'cds',
        }
        return BackboneRecord(**{**values, **changes})

    return make


@pytest.fixture
def detector():
    """A detection config with what counts here, no more."""

    def make(preprocessor=None, loader='LoadImageFromFile', **backbone):
        return Config(
            {
                'model': {
                    'type': 'RetinaNet',
                    'data_preprocessor': {
                        'type': 'DetDataPreprocessor',
                        'mean': MEAN,
                        'std': STD,
                        'bgr_to_rgb': True,
                        'pad_size_divisor': 32,
                        **(preprocessor or {}),
                    },
                    'backbone': {
                        **NARROW,
                        'frozen_stages': 1,
                        'norm_eval': True,
                        'init_cfg': {
                            'type': 'Pretrained',
                            'checkpoint': 'torchvision://resnet18',
                        },
                        **backbone,
                    },
                },
                'train_dataloader': {
                    'dataset': {
                        'type': 'CocoDataset',
                        'pipeline': [
                            {'type': loader},
                            {'type': 'LoadAnnotations'},
                        ],
                    }
                },
            }
        )

    return make


@pytest.fixture
def training_file(tmp_path, mm_backbone, record):
    """Saves what our training saves; returns the path and the network."""

    def make(**backbone):
        backbone = {**NARROW, **backbone}
        network = mm_backbone(**backbone)
        state = {
            f'backbone.{key}': value
            for key, value in network.state_dict().items()
        }
        state['head.fc.weight'] = torch.randn(10, 512)
        state['branches.stage1.0.weight'] = torch.ones(3)
        path = tmp_path / 'epoch_1.pth'
        meta = {
            'cfg': 'raise SystemExit("meta.cfg was run")',
            'cds_mm': record(backbone=backbone).to_dict(),
        }
        torch.save({'state_dict': state, 'meta': meta}, path)
        return path, network

    return make


@pytest.fixture
def features_of():
    """What torchvision's own modules compute, stage by stage."""

    def compute(network, inputs):
        maps = []
        with torch.no_grad():
            x = network.relu(network.bn1(network.conv1(inputs)))
            x = network.maxpool(x)
            for name in ('layer1', 'layer2', 'layer3', 'layer4'):
                x = getattr(network, name)(x)
                maps.append(x)
        return maps

    return compute


@pytest.fixture
def raw_zip(tmp_path):
    """A file of torch's zip format around any pickle bytes."""

    def make(content: bytes):
        path = tmp_path / 'crafted.pth'
        with zipfile.ZipFile(path, 'w') as archive:
            archive.writestr('archive/data.pkl', content)
            archive.writestr('archive/version', '3\n')
            archive.writestr('archive/byteorder', 'little')
        return path

    return make


@pytest.fixture
def mm_config():
    """A classification config that agrees with ``record``."""

    def make(loader='LoadRGBImage', **preprocessor):
        return Config(
            {
                'model': {
                    'type': 'ImageClassifier',
                    'backbone': dict(NARROW),
                },
                'data_preprocessor': {
                    'mean': MEAN,
                    'std': STD,
                    'to_rgb': False,
                    **preprocessor,
                },
                'train_dataloader': {
                    'dataset': {
                        'type': 'ImageNet',
                        'pipeline': [{'type': loader}],
                    }
                },
            }
        )

    return make
