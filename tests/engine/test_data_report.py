"""The report of a run's data, and what a scan of images leads to."""

import functools
import json
import logging
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from cds_mm.data.image_scan import OtherSize, Scan
from cds_mm.engine import data_report
from cds_mm.engine.image_check import check_scan, scan_all
from cds_mm.errors import UserError
from cds_mm.run_warnings import warnings_so_far


@pytest.fixture
def runner(folder, tmp_path):
    """A stand-in for the runner of a classification."""
    part = dict(
        type='ClassFolder',
        data_root=str(folder),
        split='train',
        pipeline=[dict(type='LoadRGBImage')],
    )
    joined = dict(type='ConcatDataset', datasets=[part, part])
    cfg = Config(
        dict(default_scope='mmpretrain', train_dataloader=dict(dataset=joined))
    )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(joined)
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    return SimpleNamespace(
        cfg=cfg,
        train_loop=loop,
        logger=logging.getLogger('test_data_report'),
        log_dir=str(tmp_path / 'log'),
    )


def test_of_class_folders(runner, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    data_report.report_data(runner, ('train',), {})
    said = [m for m in caplog.messages if m.startswith('Data of')]
    assert len(said) == 2
    assert said[1] == (
        'Data of train_dataloader.dataset.datasets.1: 32 images, 4 classes '
        'of 8 (a) to 8 (a) images, images of 32 x 32 pixels'
    )
    kept = json.loads((tmp_path / 'log' / 'data_report.json').read_text())
    facts = kept['train_dataloader.dataset.datasets.0']
    assert facts['classes'] == dict(a=8, b=8, c=8, d=8)
    assert facts['images_were_read'] and facts['images_left_out'] == {}


def test_a_large_set_is_warned_of(runner, monkeypatch, caplog):
    few = functools.partial(scan_all, limit=5)
    monkeypatch.setattr(data_report, 'scan_all', few)
    monkeypatch.setattr(data_report, 'AUTOMATIC', 5)
    caplog.set_level(logging.INFO)
    monkeypatch.setenv('CDS_MM_CACHE', str(runner.log_dir) + '_cache')
    data_report.report_data(runner, ('train',), {})
    assert len(warnings_so_far()) == 2
    assert 'tools/check_data.py CONFIG reads them once' in warnings_so_far()[0]
    assert any('32 images (files not checked)' in m for m in caplog.messages)


def refused(scan, place='train_dataloader.dataset'):
    with pytest.raises(UserError) as error:
        check_scan(place, scan)
    return str(error.value)


def test_images_that_were_resized():
    other = [OtherSize('x.jpg', (100, 50), (50, 25))]
    text = refused(Scan(images=3, other_size=other))
    assert 'x.jpg is 50 x 25 pixels as it is loaded and 100 x 50' in text
    assert 'EXIF' not in text and text.endswith('correct width and height')

    # Few of many, and sets whose files are known to err, are warned of.
    check_scan('val_dataloader.dataset', Scan(images=100, other_size=other))
    check_scan('x', Scan(images=1, other_size=other), is_coco=False)
    assert len(warnings_so_far()) == 2


def test_a_loader_that_skips_does_so_in_training_only():
    lost = dict(missing=['a.jpg'], unreadable=[('b.jpg', 'broken')])
    scan = Scan(images=3, skips=True, skips_missing=True, **lost)
    check_scan('train_dataloader.dataset', scan)
    (text,) = warnings_so_far()
    assert '2 of 3 images cannot be read' in text
    assert 'a.jpg' in refused(scan, 'val_dataloader.dataset')


def test_the_host_s_way_to_skip_what_is_missing():
    scan = Scan(images=3, skips_missing=True, missing=['a.jpg'])
    check_scan('train_dataloader.dataset', scan)
    scan.unreadable = [('b.jpg', 'broken')]
    assert 'b.jpg: not a whole image (broken)' in refused(scan)
