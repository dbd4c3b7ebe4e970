"""Command lines over detection data that are not as they should be."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from command_lines import ROOT
from PIL import Image

sys.path.append(str(ROOT / 'tests' / 'coco'))
from herds import ANIMALS, save, write_herd  # noqa: E402

# The filter of stock configs leaves nothing smaller than 32 pixels.
SIDE = (64, 48)
DETECTOR = """
_base_ = '{root}/configs/demo/retinanet_r18_fpn_digits.py'
model = dict(
    backbone=dict(init_cfg=None, base_channels=8),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(
        num_classes=4, in_channels=16, feat_channels=16, stacked_convs=1
    ),
)
_data = dict(data_root='{data}/', metainfo=dict(classes={classes}))
_train = _base_.train_dataloader.dataset.pipeline
_test = _base_.val_dataloader.dataset.pipeline
_train[2].scale = _test[1].scale = (64, 64)
train_dataloader = dict(
    batch_size=2, dataset=dict(pipeline=_train, **_data)
)
val_dataloader = dict(batch_size=2, dataset=dict(pipeline=_test, **_data))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='{data}/val.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
"""


@pytest.fixture
def detector(tmp_path):
    """A config for herds in its folder."""
    write_herd(tmp_path, 'train', count=4, side=SIDE, seed=1)
    write_herd(tmp_path, 'val', count=2, side=SIDE, seed=2)
    path = tmp_path / 'detector.py'
    path.write_text(DETECTOR.format(root=ROOT, data=tmp_path, classes=ANIMALS))
    return path


@pytest.fixture
def train(command, detector, tmp_path):
    def run(*options):
        given = ['--cfg-options', *options] if options else []
        return command(
            'train', detector, '--work-dir', tmp_path / 'run', *given
        )

    return run


def advised(text):
    options = shlex.split(text.partition('--cfg-options ')[2])
    return [option for option in options if '=' in option]


def report_of(run):
    (path,) = Path(run).glob('*/data_report.json')
    return json.loads(path.read_text())


def cut(path, rest=60):
    path.write_bytes(path.read_bytes()[:-rest])


def test_a_sound_set_is_reported(train, command, detector, tmp_path):
    done = train().fine()
    assert (
        'Data of train_dataloader.dataset: 4 images, 4 classes of 4 (cow) to '
        '4 (cow) boxes, 16 boxes of'
    ) in done.out
    report = report_of(tmp_path / 'run')
    facts = report['train_dataloader.dataset']
    assert facts['images'] == 4 and facts['images_were_read']
    assert facts['image_sides']['width'] == [64] * 5
    assert facts['boxes'] == 16 and facts['images_left_out'] == {}
    assert report['val_dataloader.dataset']['images'] == 2
    tested = tmp_path / 'tested'
    weights = tmp_path / 'run' / 'epoch_1.pth'
    command('test', detector, weights, '--work-dir', tested).fine()
    assert [*report_of(tested)] == ['test_dataloader.dataset']


def test_another_order_trains_and_validates_by_the_line(
    train, command, detector, tmp_path
):
    content = write_herd(tmp_path / 'x', 'val', count=2, side=SIDE, seed=2)
    content['categories'].reverse()
    del content['categories'][0]  # the pig
    content['annotations'] = [
        entry for entry in content['annotations'] if entry['category_id'] != 11
    ]
    save(tmp_path, 'val', content, encoding='utf-8-sig')
    options = []
    for _ in range(3):  # mark of the set, mark of its metric, order
        done = train(*options)
        if done.code == 0:
            break
        text = done.error
        more = advised(text) or [text.rpartition(' set ')[2]]
        options += more
    done.fine()
    assert 'val_dataloader.dataset.type=cds_mm.NamedCocoDataset' in options
    assert 'coco/bbox_mAP' in done.out
    weights = tmp_path / 'run' / 'epoch_1.pth'
    refused = command('test', detector, weights, '--work-dir', tmp_path / 't')
    assert 'byte order mark' in refused.error


@pytest.mark.slow
def test_the_metric_is_left_behind(train, command, detector, tmp_path):
    """Only the data set was changed, in training and in a test."""
    other = tmp_path / 'other'
    write_herd(other, 'val', count=1, side=SIDE, seed=2)
    changed = f'val_dataloader.dataset.data_root={other}/'
    text = train(changed).error
    assert f'val_evaluator.ann_file: {tmp_path}/val.json has boxes in' in text
    assert advised(text) == [f'val_evaluator.ann_file={other}/val.json']
    weights = tmp_path / 'run' / 'epoch_1.pth'
    train(changed, *advised(text)).fine()
    argv = ['test', detector, weights, '--work-dir', tmp_path / 'tested']
    argv += ['--cfg-options', 'test_dataloader.dataset.indices=1']
    text = command(*argv).error
    assert 'would count as missed' in text
    command(*argv, *advised(text)).fine()


@pytest.mark.slow
def test_heads_and_data(train):
    text = train('model.bbox_head.num_classes=80').error
    assert advised(text) == ['model.bbox_head.num_classes=4']


def test_a_broken_image_ends_it_before_the_first_step(train, tmp_path):
    cut(tmp_path / 'train' / 'train_2.png')
    cut(tmp_path / 'train' / 'train_3.png')
    text = train().error
    assert 'train_2.png: not a whole image' in text
    assert '2 of 4 images are so' in text
    done = train(*advised(text)).fine()
    assert '2 of 4 images cannot be read' in done.out
    assert 'train/skipped_images' in done.out or 'were replaced' in done.out
    report = report_of(tmp_path / 'run')['train_dataloader.dataset']
    assert report['images_left_out'] == dict(unreadable=2)


@pytest.mark.slow
def test_a_validation_takes_every_image(train, tmp_path):
    cut(tmp_path / 'val' / 'val_1.png')
    text = train().error
    assert 'val_1.png' in text and 'skip' not in text


@pytest.mark.slow
def test_an_image_that_is_missing(train, tmp_path):
    (tmp_path / 'train' / 'train_0.png').unlink()
    text = train().error
    assert '1 of 4 images is not on the disk' in text


@pytest.mark.slow
def test_turned_images(train, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = write_herd(tmp_path / 'x', 'train', count=4, side=SIDE, seed=1)
    for entry in content['images']:
        name = entry['file_name']
        entry['file_name'] = name.replace('png', 'jpg')
        with Image.open(tmp_path / 'train' / name) as image:
            image.save(
                tmp_path / 'train' / entry['file_name'], exif=exif.tobytes()
            )
    save(tmp_path, 'train', content)
    text = train().error
    assert 'is 48 x 64 pixels as it is loaded and 64 x 48' in text
    assert '4 of 4 images' in text
    train(*(option.rstrip(',') for option in advised(text))).fine()


def test_check_data_names_every_broken_image(command, detector, tmp_path):
    out = tmp_path / 'report.json'
    done = command('check_data', detector, '--out', out).fine()
    assert 'nothing wrong was found' in done.out
    assert len(json.loads(out.read_text())) == 3
    cut(tmp_path / 'train' / 'train_1.png')
    (tmp_path / 'train' / 'train_3.png').unlink()
    done = command('check_data', detector, '--splits', 'train')
    assert done.code == 1
    assert 'train_3.png: missing' in done.out
    assert 'train_1.png: failed to load image\n' in done.out


@pytest.mark.slow
def test_check_data_of_class_folders(command, folder):
    config = ROOT / 'configs/cifar10/baseline_r18_cifar10_folder.py'
    settings = [
        f'{split}_dataloader.dataset.data_root={folder}'
        for split in ('train', 'val', 'test')
    ]
    done = command('check_data', config, '--cfg-options', *settings).fine()
    assert (
        'Data of train_dataloader.dataset: 32 images, 4 classes of 8 (a) to '
        '8 (a) images'
    ) in done.out
