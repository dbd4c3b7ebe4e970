"""Leaf configs, catalogue and index files are what the table says."""

import os
import re

import pytest
import yaml

from cds_mm.config.leaf_names import leaf_files
from cds_mm.config.python_text import (
    Name,
    Spread,
    assignments,
    merged,
    settings_at,
)
from cds_mm.errors import UserError
from cds_mm.experiments import leaves
from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.leaves import by_hand, folders, table_leaves
from cds_mm.experiments.leaves.settings import SETTINGS
from cds_mm.experiments.leaves.texts import NOTES, SCORES
from cds_mm.experiments.written import index_texts, leaf_texts
from cds_mm.paths import CONFIGS, PROJECT

BY_HAND = {
    'bccd': 2,
    'cifar10': 3,
    'demo': 4,
    'kd': 2,
}


def test_the_committed_leaves_are_those_of_the_table():
    texts = leaf_texts()
    assert len(texts) == len(table_leaves()), 'two rows have the same leaf'
    stale = [
        path.name
        for path, text in texts.items()
        if not path.is_file() or path.read_text() != text
    ]
    assert not stale, 'run tools/write_configs.py'


def test_catalogue_readme_and_index_files_are_those_of_the_table():
    stale = [
        path
        for path, text in index_texts().items()
        if path.read_text() != text
    ]
    assert not stale, 'run tools/write_configs.py'


def test_every_word_of_the_table_means_something_and_is_used():
    for column, words in (
        ('note', NOTES),
        ('score', SCORES),
        ('settings', SETTINGS),
    ):
        used = {leaf.row[column] for leaf in table_leaves()}
        assert used | {''} == words.keys()


def test_a_line_of_another_length_is_refused(tmp_path, monkeypatch):
    table = tmp_path / 'table.csv'
    first, second, *_ = leaves.TABLE.read_text().splitlines()
    for line in (second + ',', second.replace(',', '', 1)):
        table.write_text(f'{first}\n{second}\n{line}\n')
        monkeypatch.setattr(leaves, 'TABLE', table)
        with pytest.raises(UserError, match='table.csv, line 3: .*commas'):
            leaves.table_leaves.__wrapped__()


def test_who_is_written_by_hand_is_known():
    """A leaf config that the table could have does not hide beside it."""
    found = {}
    for path in by_hand():
        found.setdefault(path.parent.name, []).append(path.stem)
    assert {place: len(names) for place, names in found.items()} == BY_HAND


def test_every_leaf_is_in_the_catalogue_once_and_every_link_leads_there():
    text = (CONFIGS / 'README.md').read_text()
    links = re.findall(r'\]\(([^)]+\.py)\)', text)
    assert len(links) == len(set(links))
    assert {(CONFIGS / link).resolve() for link in links} == {
        path.resolve() for path in leaf_files().values()
    }
    table = (PROJECT / 'README.md').read_text().partition('<!-- methods')[2]
    links = re.findall(r'\]\(([^:)]+)\)', table.partition('<!-- end')[0])
    assert len(links) > 60
    assert all((PROJECT / link).is_file() for link in links)


def test_the_index_names_every_metafile():
    index = yaml.safe_load((PROJECT / 'model-index.yml').read_text())
    there = [*CONFIGS.rglob('metafile.yml')]
    assert sorted(index['Import']) == sorted(
        path.relative_to(PROJECT).as_posix() for path in there
    )
    assert len(there) == len(folders())


def test_a_leaf_is_called_after_its_cell():
    for leaf in table_leaves():
        assert cell_of(leaf.stem) == leaf.cell
        assert leaf.path == leaf_files()[leaf.stem]


@pytest.mark.parametrize(
    ('settings', 'lines'),
    [
        (dict(a=1, b='x'), ['a = 1', "b = 'x'"]),
        (
            dict(m={Spread('_base_.method'): None, 'head': {'n': 10}}),
            ['m = dict(**_base_.method, head=dict(n=10))'],
        ),
        (
            dict(m=dict(first=Name('_base_.' + 'x' * 30), second='y' * 20)),
            [
                'm = dict(',
                f"    first=_base_.{'x' * 30}, second='{'y' * 20}'",
                ')',
            ],
        ),
        # One argument has no comma behind it, several on lines have.
        (
            dict(m=dict(a=dict(first='x' * 40, second='y' * 40))),
            [
                'm = dict(',
                '    a=dict(',
                f"        first='{'x' * 40}',",
                f"        second='{'y' * 40}',",
                '    )',
                ')',
            ],
        ),
    ],
)
def test_settings_are_formatted_as_ruff_does(settings, lines):
    assert '\n'.join(assignments(settings)).splitlines() == lines


def test_nested_settings():
    deep = settings_at('a.b.c', 1)
    assert merged(deep, settings_at('a.b.d', 2), {'a': {'e': 3}}) == {
        'a': {'b': {'c': 1, 'd': 2}, 'e': 3}
    }
    assert deep == {'a': {'b': {'c': 1}}}, 'its arguments stay as they are'


def test_a_leaf_stands_where_its_bases_say():
    for leaf in table_leaves():
        if leaf.is_detector:
            continue
        for base in leaf.bases:
            assert (CONFIGS / '_base_' / f'{base}.py').is_file(), leaf.stem
        up = os.path.relpath(CONFIGS / '_base_', leaf.path.parent)
        assert f"'{up}/default_runtime.py'" in leaf.path.read_text()
