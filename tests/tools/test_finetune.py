"""Fine-tuning from a converted backbone, which is verified first."""

import numpy as np
import pytest
import torch
from fine_grained_sets import write_cub
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.training_config import record_from_config
from cds_mm.config import load_config
from cds_mm.testing import CONFIGS, fresh_seed

NARROW = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 256,
}


@pytest.fixture(scope='module')
def cub(tmp_path_factory):
    root = tmp_path_factory.mktemp('cub')
    write_cub(root, np.random.default_rng(fresh_seed()))
    return root


@pytest.fixture(scope='module')
def backbone(tmp_path_factory):
    """What the converter makes of a cross-entropy ResNet-50, narrow."""
    folder = tmp_path_factory.mktemp('pretrained')
    cfg = load_config(str(CONFIGS / 'baseline_r50_in1k.py'))
    cfg.merge_from_dict(NARROW)
    torch.manual_seed(fresh_seed())
    model = MODELS.build(
        {'data_preprocessor': cfg.data_preprocessor, **cfg.model}
    )
    record = record_from_config(cfg, model.data_preprocessor)
    trained, converted = folder / 'epoch_90.pth', folder / 'backbone.pth'
    meta = dict(cds_mm=record.to_dict())
    content = dict(state_dict=model.state_dict(), meta=meta)
    torch.save(content, trained)
    convert(str(trained), str(converted), Options())
    return converted


def finetune(method, cub, backbone, work_dir, **more):
    settings = NARROW | {
        'model.backbone.init_cfg.checkpoint': backbone,
        'train_dataloader.dataset.data_root': cub,
        'val_dataloader.dataset.data_root': cub,
        'train_dataloader.batch_size': 3,
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 0,
        'train_cfg.max_epochs': 1,
        **more,
    }
    return [
        'train',
        str(CONFIGS / f'finegrained/{method}_r50_cub.py'),
        '--work-dir',
        work_dir,
        '--cfg-options',
        *(f'{key}={value}' for key, value in settings.items()),
    ]


@pytest.mark.parametrize('method', ['dks', 'cds'])
def test_from_a_backbone_that_is_verified(
    method, command, cub, backbone, tmp_path
):
    done = command(*finetune(method, cub, backbone, tmp_path)).fine()
    assert 'verified, the backbone computes what was trained' in done.out
    assert f'loss_{method}.' in done.out
    assert (tmp_path / 'epoch_1.pth').exists()


def test_another_backbone_is_refused(command, cub, backbone, tmp_path):
    wider = {
        'model.backbone.base_channels': 16,
        'model.backbone.stem_channels': 16,
        'model.head.in_channels': 512,
    }
    argv = finetune('dks', cub, backbone, tmp_path / 'run', **wider)
    failed = command(*argv)
    assert str(backbone) in failed.error
    assert not (tmp_path / 'run' / 'epoch_1.pth').exists()
