"""What a wheel does in a folder of its own, where no checkout is.

The whole chain: pretrain on 40 images, convert, check, train a detector.
"""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from command_lines import ROOT, Result, clean_environment

from cds_mm.testing import write_class_folder, write_scenes

pytestmark = pytest.mark.slow
PRETRAINING = """
_base_ = 'cds_mm::cds_r18_folder.py'
model = dict(
    backbone=dict(base_channels=8, stem_channels=8),
    head=dict(in_channels=64, num_classes=4),
)
_pipeline = _base_.train_dataloader.dataset.pipeline
for _view in _pipeline[1].transforms:
    _view[0].scale = 64
_loader = dict(batch_size=8, num_workers=0)
train_dataloader = dict(
    **_loader, dataset=dict(data_root='data/images', pipeline=_pipeline)
)
val_dataloader = dict(**_loader, dataset=dict(data_root='data/images'))
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(topk=(1,))
train_cfg = dict(max_epochs=1)
"""
DETECTOR = """
_base_ = '{base}'
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]
    ),
    backbone=dict(
        depth=18, base_channels=8, stem_channels=8,
        init_cfg=dict(type='Pretrained', checkpoint='backbone.pth'),
    ),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(
        in_channels=16, feat_channels=16, stacked_convs=1, num_classes=10
    ),
)
_data = dict(data_root='scenes/', ann_file='all.json',
             data_prefix=dict(img='all/'),
             metainfo=dict(classes=tuple('0123456789')))
_loader = dict(batch_size=2, num_workers=0, persistent_workers=False)
train_dataloader = dict(dataset=_data, **_loader)
val_dataloader = dict(dataset=_data, **_loader)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='scenes/all.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
"""
HUB = """
import cds_mm.registration
from mmengine.hub import get_config, get_model
assert get_config('cds_mm::cds_r18_folder.py').model.head.num_classes == 1000
model = get_model('cds_mm::cifar100/cds_r18_cifar100.py')
assert type(model).__name__ == 'DeepSupervisedClassifier'
"""


class Installed:
    """The wheel, and a folder to work in."""

    def __init__(self, target, folder):
        self.target, self.folder = target, folder

    def python(self, *argv):
        done = subprocess.run(
            [sys.executable, *map(str, argv)],
            capture_output=True,
            text=True,
            env=clean_environment(PYTHONPATH=str(self.target)),
            cwd=self.folder,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def __call__(self, *argv):
        return self.python(self.target / 'bin' / 'cds-mm', *argv)


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    built, target = (tmp_path_factory.mktemp(x) for x in ('built', 'target'))
    pip = [sys.executable, '-m', 'pip', '-q', '--no-cache-dir']
    source = tmp_path_factory.mktemp('source') / 'cds_mm'
    # Not from here: setuptools writes a folder beside the sources.
    elsewhere = shutil.ignore_patterns(
        '.*', 'data', 'work_dirs', 'build', 'tests', 'docs', '__pycache__'
    )
    shutil.copytree(ROOT, source, ignore=elsewhere)
    wheel = ['wheel', '--no-deps', '--no-build-isolation', '-w', built, source]
    subprocess.run([*pip, *wheel], check=True)
    (file,) = built.glob('*.whl')
    install = ['install', '--no-deps', '--no-index', '--target', target, file]
    subprocess.run([*pip, *install], check=True)
    # As other packages do.
    (target / 'configs').mkdir()
    folder = tmp_path_factory.mktemp('folder')
    for split, count in (('train', 10), ('val', 3)):
        sizes = dict.fromkeys('abcd', count)
        write_class_folder(folder / 'data/images' / split, sizes, 32, 0)
    write_scenes(folder / 'scenes', 'all', 4, np.random.default_rng(0))
    (folder / 'pretraining.py').write_text(PRETRAINING)
    return Installed(target, folder)


@pytest.fixture(scope='module')
def converted(installed):
    installed('train', 'pretraining.py').fine()
    checkpoint = 'work_dirs/pretraining/epoch_1.pth'
    return installed('convert', checkpoint, 'backbone.pth').fine()


def test_it_is_the_wheel_that_runs(installed):
    path = installed('config-path', 'cds_r18_folder').fine().out.strip()
    assert path == f'{installed.target}/cds_mm/.mim/configs/cds_r18_folder.py'
    error = installed('train', 'cds_mm::cds_r18_foldr').error
    assert 'did you mean cds_mm::cds_r18_folder.py' in error
    # As documents of the project write it.
    error = installed('train', 'configs/cds_r18_folder.py').error
    assert 'did you mean cds_mm::cds_r18_folder.py' in error
    assert installed('doctor').out


def test_the_index_is_in_it(installed):
    mim = installed.target / 'cds_mm/.mim'
    for line in (mim / 'model-index.yml').read_text().splitlines()[1:]:
        assert (mim / line.removeprefix('- ')).is_file()


def test_the_hub_of_mmengine(installed):
    installed.python('-c', HUB).fine()


@pytest.mark.parametrize(
    'base',
    [
        'cds_mm::demo/retinanet_r18_fpn_digits.py',
        'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py',
    ],
)
def test_the_whole_chain(base, installed, converted):
    (installed.folder / 'detector.py').write_text(DETECTOR.format(base=base))
    argv = ('check', 'backbone.pth', '--detector', 'detector.py')
    assert 'layer4' in installed(*argv).fine().out
    run = installed('train', 'detector.py', '--work-dir', 'detector').fine()
    assert 'verified, the backbone computes what was trained' in run.out


def test_advice_can_be_followed(installed, converted):
    """Where a file is not converted, the command named is one that is."""
    (installed.folder / 'raw.py').write_text(
        "_base_ = 'detector.py'\nmodel = dict(backbone=dict(init_cfg=dict("
        "checkpoint='work_dirs/pretraining/epoch_1.pth')))"
    )
    (installed.folder / 'detector.py').write_text(
        DETECTOR.format(base='cds_mm::demo/retinanet_r18_fpn_digits.py')
    )
    error = installed('train', 'raw.py').error
    assert 'cds-mm convert' in error
    assert 'tools/' not in error


def test_two_ranks_from_a_wheel(installed):
    argv = '-m torch.distributed.run --standalone --nproc_per_node=2 -m cds_mm'
    run = installed.python(
        *argv.split(),
        *('train', 'pretraining.py', '--launcher', 'pytorch'),
        *('--work-dir', 'two'),
    )
    run.fine()
    # 40 images in batches of 8 of two ranks.
    assert '[1][3/3]' in run.out
