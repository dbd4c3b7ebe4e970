"""What a user of the wheel does: train, convert, train a detector.

    python tests/wheel_run.py

Run by ``nox -s wheel`` in a folder with nothing of this project but the
installed package; exits with 1 at the first command that fails.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import cds_mm
from cds_mm.testing import write_class_folder, write_scenes

PACKAGE = Path(cds_mm.__file__).parent
CLASSES = 'abcd'
DETECTOR = """
_base_ = 'cds_mm::demo/retinanet_r18_fpn_digits.py'
model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='backbone.pth'), base_channels=64
    ),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=16),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1),
)
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(data_root='scenes/'),
)
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(data_root='scenes/')
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='scenes/val.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
"""


def run(*argv):
    """One command of the package."""
    line = [str(Path(sys.executable).with_name('cds-mm')), *map(str, argv)]
    print('$', *line, flush=True)
    subprocess.run(line, check=True)


def pretrain():
    sizes = dict.fromkeys(CLASSES, 10)
    for split in ('train', 'val'):
        write_class_folder(f'data/images/{split}', sizes, side=48)
    run(
        *('train', 'cds_mm::cds_r18_folder.py', '--work-dir', 'work'),
        *('--cfg-options', 'train_cfg.max_epochs=1'),
        f'model.head.num_classes={len(CLASSES)}',
        'train_dataloader.batch_size=8',
        'val_evaluator.topk=1',
        'test_evaluator.topk=1',
        *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val')),
        *(
            f'{split}_dataloader.persistent_workers=False'
            for split in ('train', 'val')
        ),
    )


def main():
    assert '.mim' in os.listdir(PACKAGE), f'{PACKAGE} is no installed wheel'
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        pretrain()
        rng = np.random.default_rng(0)
        for split in ('train', 'val'):
            write_scenes('scenes', split, 4, rng)
        Path('detector.py').write_text(DETECTOR)
        run(
            *('convert', 'work/epoch_1.pth', 'backbone.pth'),
            *('--detector', 'detector.py'),
        )
        run('train', 'detector.py', '--work-dir', 'detector')
        run('test', 'detector.py', 'detector/epoch_1.pth')
        os.chdir('/')
    print('the wheel works')


if __name__ == '__main__':
    main()
