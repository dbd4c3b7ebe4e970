"""Rows of tables: cells, scales, folders, published numbers, the table."""

import json
import os
from pathlib import Path

import pytest

from cds_mm.config import load_config
from cds_mm.errors import UserError
from cds_mm.experiments import (
    Cell,
    Scale,
    find_config,
    is_finished,
    load_scale,
    plan_runs,
    write_table,
)
from cds_mm.experiments.published import published

METHODS = ('baseline', 'baseline:600e', 'cds', 'dsn:sepconv')


def cells(methods=METHODS):
    return [Cell.parse(m, 'r18', 'cifar10_folder') for m in methods]


def test_a_cell_is_called_as_its_config():
    cell = Cell.parse('dsn:sepconv', 'r18', 'cifar100')
    assert cell.name == 'dsn_r18_cifar100_sepconv'
    assert find_config(cell).name == 'dsn_r18_cifar100_sepconv.py'
    with pytest.raises(UserError, match='no such config.*cds_r18_cifar100'):
        find_config(Cell('supcon', 'r18', 'cifar100'))
    with pytest.raises(UserError, match='none at all'):
        find_config(Cell('crd', 'r7', 'cifar100'))


def test_the_published_scale_is_the_leaf():
    (run,) = plan_runs(cells(['cds']), [0], load_scale('published'))
    leaf = load_config(str(run.leaf))
    assert run.config._cfg_dict == leaf._cfg_dict
    with pytest.raises(UserError, match='no such scale.*published, cpu'):
        load_scale('tiny')


def test_a_scale_is_not_for_everything():
    scale = load_scale('cpu')
    with pytest.raises(UserError, match='is for cifar10_folder, not for cub'):
        plan_runs([Cell('cds', 'r50', 'cub')], [0], scale)
    leaf = load_config(str(find_config(Cell('cds', 'rxt50', 'cifar100'))))
    with pytest.raises(UserError, match='ResNeXt_CIFAR has widths of its own'):
        Scale('x', width=0.5).apply(leaf, 'cifar100')
    # A schedule of three drops; a cosine with a warm-up of its own.
    warm_up = find_config(Cell('supcon', 'r18', 'cifar100', '1000e'))
    for other in (leaf, load_config(str(warm_up))):
        with pytest.raises(UserError, match='shortens one cosine alone'):
            Scale('x', epochs=0.5).apply(other, 'cifar100')


def test_a_recipe_is_for_its_batch():
    published_scale = load_scale('published')
    cell = Cell('cds', 'r50', 'in1k')
    with pytest.raises(UserError, match='1 x 32.*for 256; give --gpus 8'):
        plan_runs([cell], [0], published_scale)
    (run,) = plan_runs([cell], [0], published_scale, ranks=8)
    (other,) = plan_runs(
        [cell],
        [0],
        published_scale,
        options={'train_dataloader.batch_size': 256},
    )
    assert run.folder != other.folder
    # What is only faster is the same run; another determinism is not.
    for option, same in (
        ({'train_dataloader.num_workers': 3}, True),
        ({'randomness.seed': 7}, True),
        ({'randomness.deterministic': True}, False),
    ):
        (again,) = plan_runs(
            [cell], [0], published_scale, options=option, ranks=8
        )
        assert (again.folder == run.folder) == same


def test_a_scale_is_the_same_for_each_of_a_row():
    scale = load_scale('cpu')
    baseline, longer, cds, _ = plan_runs(cells(), [0], scale)
    assert cds.config.model.backbone.base_channels == 16
    assert cds.config.model.backbone.stem_channels == 16
    assert cds.config.model.head.in_channels == 128
    assert baseline.config.train_cfg.max_epochs == 25
    assert baseline.config.param_scheduler.T_max == 25
    assert longer.config.train_cfg.max_epochs == 50
    assert longer.config.param_scheduler.T_max == 50
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert cds.config[key] == baseline.config[key]
    assert cds.config.train_dataloader.batch_size == 64
    assert cds.config.model.supervisions.cds.weight == 0.1


def test_a_scale_reaches_the_images_of_few_labels():
    methods = ('baseline:10pct', 'cds-semi:10pct')
    for run in plan_runs(cells(methods), [0], load_scale('cpu')):
        dataset = run.config.train_dataloader.dataset
        assert dataset.type == 'LabelFraction'
        assert dataset.images_per_class == 200
        assert run.config.train_cfg.max_epochs == 25


def test_folders_tell_configs_apart_and_seeds_within():
    scale = load_scale('cpu')
    runs = plan_runs(cells(), [0, 1], scale)
    assert len({run.folder for run in runs}) == 8
    assert len({run.folder.parent for run in runs}) == 4
    again = plan_runs(cells(), [0, 1], scale)
    assert [run.folder for run in again] == [run.folder for run in runs]
    changed = plan_runs(
        cells(), [0], scale, options={'optim_wrapper.optimizer.lr': 0.1}
    )
    assert not {r.folder.parent for r in changed} & {
        r.folder.parent for r in runs
    }


def test_published_numbers():
    cell = Cell('cds', 'r18', 'cifar100')
    assert published(cell).value == 80.84
    assert published(cell).table == '1'
    folder = Cell('dks', 'r18', 'cifar10_folder')
    assert published(folder) is None
    assert published(folder, table='1').value == 78.96
    assert published(Cell('cds', 'r50', 'in1k'), 'top5').value == 93.99
    assert published(Cell('cds', 'r50', 'in1k'), table='8').value == 78.3
    assert published(Cell('cds', 'r18', 'cifar100', '600e')) is None
    few = published(Cell.parse('cds-semi:10pct', 'r18', 'cifar10_folder'))
    assert (few.value, few.where) == (75.6, 'figure')
    assert published(cell).where == 'Table 1'
    with pytest.raises(UserError, match='no such table'):
        published(cell, table='17')


def write_fake(run, last):
    run.folder.mkdir(parents=True)
    result = dict(
        last=last,
        epochs=25,
        views_of_each_image=50,
        wall_seconds=90,
        config='configs/x.py',
        commits=['abc'],
        date='2026-01-01',
        machines=['CPU'],
    )
    run.result_file.write_text(json.dumps(result))


def test_the_table(tmp_path):
    scale = load_scale('cpu')
    runs = plan_runs(cells(['cds', 'baseline']), [0, 1], scale, tmp_path)
    write_fake(runs[0], 60.0)
    write_fake(runs[2], 62.0)
    assert [is_finished(run) for run in runs] == [True, False, True, False]
    text = write_table(runs, tmp_path / 'table.md', table='1')
    assert (tmp_path / 'table.md').read_text() == text
    assert '2 of 4 runs, 2026-01-01, on CPU; commit abc' in text
    lines = [line for line in text.splitlines() if line.startswith('|')]
    leaf = os.path.relpath(runs[0].leaf, tmp_path)
    assert lines[2] == (
        f'| [cds]({leaf}) | 25 | 50 | 60.0 / 62.0 | 61.0 | 1.4 | 2 '
        '| 80.84 (cifar100, Table 1) |'
    )
    assert len(lines) == 3, 'the baseline has no result yet'
    write_fake(runs[3], 50.0)
    assert '| - / 50.0 | 50.0 |' in write_table(runs, tmp_path / 'table.md')


def test_a_table_reads_each_result_once(tmp_path, monkeypatch):
    runs = plan_runs(cells(['cds']), [0, 1], load_scale('cpu'), tmp_path)
    write_fake(runs[0], 60.0)
    opened = []

    def read(path, *args, **kwargs):
        opened.append(path)
        return plain(path, *args, **kwargs)

    plain = Path.read_text
    monkeypatch.setattr(Path, 'read_text', read)
    write_table(runs, tmp_path / 'table.md')
    assert opened.count(runs[0].result_file) == 1


def test_a_run_that_is_named_twice_is_one(tmp_path):
    runs = plan_runs(cells(['cds']), [0, 0], load_scale('cpu'), tmp_path)
    write_fake(runs[0], 60.0)
    text = write_table(runs, tmp_path / 'table.md')
    assert '1 of 1 runs' in text
    assert '| 60.0 | 60.0 |  |' in text
