"""A run is refused in its tenth second and not after its last epoch."""

import re

import pytest
import torch
from command_lines import CONFIG, tiny
from mmengine.config import Config

PLAIN = """
default_scope = 'mmdet'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean={mean},
        std={std},
        bgr_to_rgb=True,
    ),
    backbone=dict({backbone}),
)
"""
CIFAR = "type='mmpretrain.ResNet_CIFAR', depth=18, out_indices=(0, 1, 2, 3)"


@pytest.fixture
def detector(tmp_path):
    def write(backbone):
        preprocessor = Config.fromfile(CONFIG).data_preprocessor
        path = tmp_path / 'detector.py'
        path.write_text(
            PLAIN.format(
                mean=list(preprocessor.mean),
                std=list(preprocessor.std),
                backbone=backbone,
            )
        )
        return path

    return write


def test_a_pretraining_names_its_detector(command, folder, detector, tmp_path):
    argv = ['train', CONFIG, '--work-dir', tmp_path / 'w']
    backbone = Config.fromfile(CONFIG).model.backbone
    right = detector(
        f"type='mmpretrain.{backbone.type}', depth={backbone.depth}, "
        'base_channels=8, stem_channels=64, out_indices=(0, 1, 2, 3)'
    )
    done = command(*argv, '--detector', right, *tiny(folder)).fine()
    assert 'What is trained will fit' in done.out
    wrong = detector("type='ResNet', depth=50")
    done = command(*argv, '--detector', wrong, *tiny(folder))
    assert re.search('would not fit: depth: .*ResNet-18', done.error)
    flag = '--accept-changed-function'
    assert 'is for a detector' in command(*argv, flag, *tiny(folder)).error


def test_a_detector_does_not_start_from_a_training_checkpoint(
    command, detector_config, tmp_path
):
    path = tmp_path / 'epoch_3.pth'
    record = dict(
        format=1,
        backbone=dict(type='ResNet', depth=18, base_channels=8),
        channel_order='rgb',
        mean=[1.0] * 3,
        std=[1.0] * 3,
    )
    state = {'backbone.conv1.weight': torch.zeros(8, 3, 7, 7)}
    torch.save(dict(state_dict=state, meta=dict(cds_mm=record)), path)
    init = f"dict(type='Pretrained', checkpoint='{path}')"
    changed = tmp_path / 'changed.py'
    changed.write_text(
        f"_base_ = ['{detector_config}']\n"
        'model = _base_.model\n'
        f'model.backbone.init_cfg = {init}\n'
    )
    argv = ['train', changed, '--work-dir', tmp_path / 'w']
    said = command(*argv).error
    assert str(path) in said
    assert 'tensors' in said or 'training checkpoint' in said
