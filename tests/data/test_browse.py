import runpy
import sys

import numpy as np
import pytest
from mmengine import Config
from mmpretrain.registry import DATASETS
from PIL import Image

from cds_mm.config import use_parity
from cds_mm.data import SeededFetch
from cds_mm.data.browse import browse_views
from cds_mm.errors import UserError

CONFIG = """
_base_ = [{base!r}]
train_dataloader = dict(
    dataset=dict(data_root={root!r}, pipeline=_base_.two_views)
)
data_preprocessor = _base_.two_views_on_device
model = dict(type='NoSuchModel')
"""


@pytest.fixture
def config(image_folder, tmp_path, request):
    image_folder('set/train', {'cat': 2, 'dog': 2}, side=32)
    base = request.config.rootpath / 'configs/_base_/datasets'
    path = tmp_path / 'config.py'
    path.write_text(
        CONFIG.format(
            base=str(base / 'cifar10_folder.py'), root=str(tmp_path / 'set')
        )
    )
    return str(path)


def cell(grid, row, column, side):
    x, y = column * (side + 4), row * (side + 18) + 14
    return np.array(grid)[y : y + side, x : x + side]


def test_cells_are_the_pictures_of_a_run(config):
    cfg = Config.fromfile(config)
    grid = browse_views(cfg, num=2, epoch=5, draws=2, seed=9, side=64)
    assert grid.size == (5 * 68, 2 * 82)
    before = Config.fromfile(config).to_dict()
    assert cfg.to_dict() == before, 'the config stays'
    use_parity(cfg)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    fetch = SeededFetch(dataset, 9)
    for row, index in enumerate((0, 3)):
        path = dataset.get_data_info(index)['img_path']
        wanted = [np.array(Image.open(path))]
        for epoch in (5, 6):
            fetch.set_epoch(epoch)
            views = fetch([index])[0]['inputs']
            wanted += [view.permute(1, 2, 0).numpy() for view in views]
        for column, picture in enumerate(wanted):
            twice = picture.repeat(2, 0).repeat(2, 1)
            assert np.array_equal(cell(grid, row, column, 64), twice)


def test_one_view_and_missing_split(config):
    cfg = Config.fromfile(config)
    cfg.train_dataloader.dataset.pipeline = cfg.one_view
    cfg.data_preprocessor = cfg.one_view_on_device
    assert browse_views(cfg, num=1, draws=2, side=32).width == 3 * 36
    cfg.val_dataloader = None
    with pytest.raises(UserError, match='no val_dataloader'):
        browse_views(cfg, split='val')


def test_command_line(config, tmp_path, request, monkeypatch, capsys):
    tool = str(request.config.rootpath / 'tools/browse_views.py')
    out = tmp_path / 'grid.png'

    def run(*args):
        monkeypatch.setattr(sys, 'argv', [tool, config, *args])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(tool, run_name='__main__')
        return ended.value.code

    monkeypatch.chdir(tmp_path)
    assert run('--num', '1') == 0
    assert (tmp_path / 'work_dirs' / 'views' / 'config.png').is_file()
    assert run('--num', '3', '--draws', '1', '--out', str(out)) == 0
    assert Image.open(out).size == (3 * 132, 3 * 146)
    assert str(out) in capsys.readouterr().out
    option = 'train_dataloader.dataset.data_root=/nowhere'
    assert run('--cfg-options', option) == 1
    message = 'error: /nowhere/train: no such folder'
    assert capsys.readouterr().err.startswith(message)


def test_command_line_without_config(request, monkeypatch, capsys):
    tool = str(request.config.rootpath / 'tools/browse_views.py')
    monkeypatch.setattr(sys, 'argv', [tool, 'nowhere.py'])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(tool, run_name='__main__')
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith('error: config nowhere.py: no such file')
    assert error.count('\n') == 1
