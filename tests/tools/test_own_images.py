"""SupCon, BYOL and KD on images of one's own, by the commands of the headers.

The leaf configs are named by their bare names.
"""

import ast
import shutil

import pytest
import torch

from cds_mm.checkpoint import read_checkpoint
from cds_mm.config.leaf_names import leaf_files
from cds_mm.testing import fresh_seed, write_class_folder

NARROW = {'model.backbone.base_channels': 8, 'model.backbone.stem_channels': 8}
SHORT = {
    'train_dataloader.batch_size': 8,
    'train_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    'default_hooks.logger.interval': 1,
}
SMALL_CROPS = {
    f'train_dataloader.dataset.pipeline.1.transforms.{view}.0.scale': 32
    for view in (0, 1)
}
VALIDATED = {
    'train_dataloader.dataset.pipeline.1.scale': 32,
    'val_dataloader.batch_size': 8,
    'val_dataloader.num_workers': 0,
    'val_dataloader.dataset.pipeline.1.scale': 36,
    'val_dataloader.dataset.pipeline.2.crop_size': 32,
    'val_evaluator.topk': 1,
    'model.head.num_classes': 4,
}
SMALL_BYOL = {
    'model.neck.in_channels': 64,
    'model.neck.hid_channels': 32,
    'model.neck.out_channels': 16,
    'model.head.predictor.in_channels': 16,
    'model.head.predictor.hid_channels': 32,
    'model.head.predictor.out_channels': 16,
}


@pytest.fixture(scope='module')
def images(folder, tmp_path_factory):
    """train/<class>, val/<class> and unlabelled/, as the headers say."""
    root = tmp_path_factory.mktemp('own')
    shutil.copytree(folder / 'train', root / 'train')
    shutil.copytree(folder / 'test', root / 'val')
    seed = fresh_seed()
    # At two depths, in folders that are no classes.
    deep = {'roll 1/day 2': 8, '.': 8}
    write_class_folder(root / 'unlabelled', deep, side=32, seed=seed)
    return root


def header_options(leaf):
    """Keys that the command of a leaf's header sets."""
    header = ast.get_docstring(ast.parse(leaf_files()[leaf].read_text()))
    return {
        word.partition('=')[0] for word in header.split() if '=' in word[1:]
    }


@pytest.fixture(scope='module')
def train(command, images, tmp_path_factory):
    """``train(leaf, settings)`` gives the work dir and the Result."""

    def run(leaf, settings):
        missing = header_options(leaf) - settings.keys()
        assert not missing, 'what the header sets is set here'
        work_dir = tmp_path_factory.mktemp(leaf.partition('_')[0])
        argv = [f'{k}={v}' for k, v in (SHORT | NARROW | settings).items()]
        argv = ('--work-dir', work_dir, '--cfg-options', *argv)
        return work_dir, command('train', leaf, *argv)

    return run


def weights(work_dir):
    return read_checkpoint(work_dir / 'epoch_1.pth')['state_dict']


def test_supcon_needs_a_folder_for_each_class(train, images):
    data = {'train_dataloader.dataset.data_root': images}
    work_dir, done = train('supcon_r18_folder', SMALL_CROPS | data)
    assert 'loss_supcon.stage4' in done.fine().out
    assert done.out.count('Epoch(train)') == 4
    parts = {key.partition('.')[0] for key in weights(work_dir)}
    assert parts == {'backbone', 'branches'}


def test_byol_needs_no_labels(train, images, command, tmp_path):
    key = 'train_dataloader.dataset.data_root'
    data = {key: images / 'unlabelled'}
    settings = SMALL_CROPS | SMALL_BYOL | data
    work_dir, done = train('byol_r18_folder', settings)
    # 16 images at two depths, 8 a step.
    assert done.fine().out.count('Epoch(train)') == 2
    backbone = tmp_path / 'backbone.pth'
    checkpoint = work_dir / 'epoch_1.pth'
    command('convert_backbone', checkpoint, backbone).fine()
    trained = weights(work_dir)
    converted = read_checkpoint(backbone)['state_dict']
    assert converted
    for name, tensor in converted.items():
        assert torch.equal(tensor, trained[f'backbone.{name}']), name


def test_kd_learns_from_the_run_and_its_own_classes(train, images):
    roots = {
        f'{split}_dataloader.dataset.data_root': images
        for split in ('train', 'val')
    }
    wide = {'model.head.in_channels': 256}
    teacher, done = train('baseline_r50_folder', roots | VALIDATED | wide)
    done.fine()
    learns = {
        'model.head.in_channels': 64,
        'model.teacher.checkpoint': teacher / 'epoch_1.pth',
        # What the run has left has its classes.
        'model.teacher.config': teacher / 'baseline_r50_folder.py',
    }
    work_dir, done = train('kd_r18_folder', roots | VALIDATED | learns)
    assert 'loss_kd' in done.fine().out and 'accuracy/top1' in done.out
    assert weights(work_dir)['head.fc.weight'].shape == (4, 64)
