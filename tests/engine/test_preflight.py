"""What is looked at between building a run and starting it."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmpretrain.registry import DATASETS

from cds_mm.config import load_config
from cds_mm.engine.checkpoints import check_checkpoint
from cds_mm.engine.frozen import check_frozen
from cds_mm.engine.preflight import (
    check_classes,
    check_teacher,
)
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError
from cds_mm.hooks.resume_classes import check_resumed_classes
from cds_mm.teacher import Teacher
from cds_mm.testing import CONFIGS


@pytest.fixture
def warned_of(folder, caplog):
    """What is logged about a head of some classes on a data set of four."""

    def run(num_classes, **options):
        dataset = DATASETS.build(
            dict(type='ClassFolder', data_root=str(folder), **options)
        )
        runner = SimpleNamespace(
            train_dataloader=SimpleNamespace(dataset=dataset),
            val_loop=None,
            logger=logging.getLogger('test_preflight'),
        )
        caplog.clear()
        caplog.set_level(logging.INFO)
        model = dict(head=dict(num_classes=num_classes))
        check_classes(runner, Config(dict(model=model)))
        return caplog.messages

    return run


def test_a_head_with_more_classes_than_the_data(warned_of, tmp_path):
    assert warned_of(4, split='train') == []
    assert warned_of(1000, split='train') == [
        'model.head.num_classes=1000: the training data has 4 classes; set '
        'model.head.num_classes=4'
    ]
    listed = tmp_path / 'train.txt'
    listed.write_text('train/a/000.jpg 0\n')
    assert warned_of(1000, ann_file=str(listed)) == [], 'who knows'


def test_the_log_says_how_many_images_are_labelled(warned_of, folder):
    # 32 images to train on; 16 more.
    assert warned_of(4, split='train', unlabelled='test') == [
        '32 of 48 training images are labelled'
    ]


def test_a_frozen_part_has_to_come_from_somewhere():
    cfg = Config(dict(model=dict(frozen=['backbone']), load_from=None))
    with pytest.raises(UserError, match='stay at random weights; set load_'):
        check_frozen(cfg)
    cfg.load_from = 'x.pth'
    check_frozen(cfg)
    check_frozen(Config(dict(model=dict())))


def test_a_frozen_backbone_may_come_from_its_own_file():
    init = dict(type='Pretrained', checkpoint='x.pth')
    backbone = dict(type='ResNet', depth=18, init_cfg=init)
    cfg = Config(dict(model=dict(backbone=backbone, frozen=['backbone'])))
    check_frozen(cfg)
    cfg.model.frozen = ['backbone', 'head']
    with pytest.raises(UserError, match=r"frozen=\['head'\]"):
        check_frozen(cfg)


def test_a_first_stage_that_was_not_run_is_named(tmp_path):
    path = tmp_path / 'supcon_r18_cifar100_1000e' / 'epoch_1000.pth'
    wanted = 'train configs/representation/supcon_r18_cifar100_1000e.py first'
    with pytest.raises(UserError, match=wanted):
        check_checkpoint(PretrainedFile(str(path)))
    mine = tmp_path / 'mine' / 'epoch_1.pth'
    with pytest.raises(UserError, match='no such file; check the path'):
        check_checkpoint(PretrainedFile(str(mine)))


def test_a_teacher_of_another_resolution():
    cfg = load_config(str(CONFIGS / 'kd/kd_r18_cifar10_folder.py'))

    def model(side):
        teacher = Teacher.__new__(Teacher)
        teacher.name, teacher.image_side = 't', side
        return SimpleNamespace(teacher=teacher)

    with pytest.raises(UserError, match='of 224 pixels, the student sees 32'):
        check_teacher(cfg, model(224))
    for side in (32, None):
        check_teacher(cfg, model(side))
    check_teacher(cfg, SimpleNamespace())
    # Of MMDetection's semi-supervised detectors.
    check_teacher(cfg, SimpleNamespace(teacher=SimpleNamespace()))


def test_a_resumed_run_has_the_classes_that_it_began_with(folder):
    dataset = DATASETS.build(
        dict(type='ClassFolder', data_root=str(folder), split='train')
    )
    cfg = Config(dict(resume=True, load_from='epoch_1.pth', model={}))

    def check(classes):
        meta = dict(dataset_meta=dict(classes=classes))
        check_resumed_classes(dataset, cfg, meta)

    check(('a', 'b', 'c', 'd'))
    check(None)
    wanted = "epoch_1.pth: was trained on 3 classes, train.*'d' is none of"
    with pytest.raises(UserError, match=wanted):
        check(('a', 'b', 'c'))
    cfg.resume = False
    check(('a', 'b', 'c'))
