"""The table of MMDetection's detectors that run without a compiler."""

from types import SimpleNamespace

import pytest
import torch
from mmcv.ops import MaskedConv2d, SoftmaxFocalLoss
from mmengine.model import BaseModel

from cds_mm.analysis import ops_table, stock_detectors
from cds_mm.analysis.ops_table import read_trials, write_trials
from cds_mm.analysis.stock_detectors import (
    Trial,
    lacking_operations,
    stock_configs,
    try_detectors,
)
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


@pytest.fixture
def tried(monkeypatch):
    seen = []

    def try_them(configs):
        for config in configs:
            seen.append(config)
            yield Trial(config, 'yes', 'needs `x_forward`')

    monkeypatch.setattr(ops_table, 'try_detectors', try_them)
    return seen


def test_one_of_each_folder():
    configs = stock_configs()
    assert len(configs) > 80
    for folder, config in configs.items():
        assert config.startswith(f'{folder}/')
    assert not {'glip', 'soft_teacher', 'sort'} & set(configs)


@pytest.mark.slow
def test_the_table_is_filled_up_in_its_place(tried, tmp_path, capsys):
    page = tmp_path / 'ops.md'
    page.write_text(
        f'# Before\n\n{ops_table.BEGIN}\nold\n{ops_table.END}\nEnd'
    )
    ops_table.print_table(['ssd', 'atss'], page)
    assert len(tried) == 2
    text = page.read_text()
    assert text.startswith('# Before\n') and text.endswith('\nEnd')
    assert 'old' not in text
    ops_table.print_table(['ssd', 'yolo'], page)
    assert len(tried) == 3, 'what is there is not tried again'
    assert len(read_trials(page)) == 3
    assert '0 of 2 run' in capsys.readouterr().out
    with pytest.raises(UserError, match='--folders nope: '):
        ops_table.print_table(['nope'], page)


def test_a_table_alone(tmp_path):
    trials = {'a/b.py': Trial('a/b.py', 'yes', 'yes')}
    write_trials(tmp_path / 'new.md', trials)
    assert read_trials(tmp_path / 'new.md') == trials
    assert '1 of 1 take a step' in (tmp_path / 'new.md').read_text()


def test_the_page_of_the_project_is_of_stock_configs():
    page = read_trials(CONFIGS.parent / 'docs/ops.md')
    assert set(page) <= set(stock_configs().values())
    assert sum(trial.runs for trial in page.values()) >= 40


def test_a_failure_is_a_cell_and_no_end(monkeypatch):
    monkeypatch.setattr(stock_detectors, 'SIDE', 64)
    broken = 'retinanet/there_is_none.py'
    (trial,) = try_detectors([broken])
    assert trial.step.startswith('UserError: ')
    assert not trial.runs


class Detector(BaseModel):
    def __init__(self, *parts):
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)

    def forward(self, x):
        raise AssertionError('is not asked')


def test_an_operation_that_a_few_boxes_do_not_reach(monkeypatch):
    """A cell says what a training refuses, whatever one step has called."""
    status = SimpleNamespace(state='stand-in', provided=('nms',))
    monkeypatch.setattr(stock_detectors, 'status', lambda: status)
    detector = Detector(SoftmaxFocalLoss(2.0, 0.25), MaskedConv2d(3, 3, 1))
    assert lacking_operations(detector) == {
        'training': 'needs `softmax_focal_loss_forward`',
        'prediction': 'needs `masked_im2col_forward`',
    }
    assert lacking_operations(Detector(torch.nn.Conv2d(3, 3, 1))) == {}
    status.state = 'compiled'
    assert lacking_operations(detector) == {}


@pytest.mark.slow
def test_one_that_runs_and_one_that_lacks_an_operation():
    configs = stock_configs()
    runs, lacks = try_detectors([configs['retinanet'], configs['carafe']])
    assert runs.runs
    assert lacks.step == lacks.predict == 'needs `carafe_forward`'
