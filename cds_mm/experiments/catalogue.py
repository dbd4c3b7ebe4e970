"""The catalogue of the leaf configs, and the README's table of methods."""

import os
from pathlib import Path

from cds_mm.experiments.leaves import (
    Leaf,
    by_hand,
    first_line,
    table_leaves,
)
from cds_mm.experiments.leaves.data import DATA
from cds_mm.experiments.methods import METHODS, Method
from cds_mm.markdown import table_lines, with_block
from cds_mm.paths import CONFIGS, PROJECT

BEGIN = '<!-- methods: written by tools/write_configs.py -->'
END = '<!-- end of methods -->'
_SECTIONS = {
    'ImageNet and images of your own': ('in1k', 'folder'),
    'CIFAR': ('cifar100', 'cifar10', 'cifar10_folder'),
    'Fine-grained classes': ('cub', 'cars', 'flowers', 'dogs', 'aircraft'),
    'Detection': ('coco', 'voc0712'),
}
_SHOWN = {'in1k': 'ImageNet', 'cifar100': 'CIFAR-100', 'folder': 'your images'}
_ABOUT = """\
# Configs

Written by `tools/write_configs.py` from
[`table.csv`](../cds_mm/experiments/leaves/table.csv), as are the configs below
and each `metafile.yml`.

A config is called `{method}_{model}_{data}[_{variant}].py`, and every command
that takes a CONFIG finds it by that name alone: `python tools/train.py
cds_r18_cifar100`. What is published and what is measured is in its header."""
_BY_HAND = '## Written by hand'


def catalogue() -> str:
    """The text of ``configs/README.md``: methods by data, with links."""
    lines = _ABOUT.splitlines()
    for title, columns in _SECTIONS.items():
        lines += ['', f'## {title}', '', *_section(columns)]
    lines += ['', _BY_HAND, '']
    lines += [f'* {_link(p, p.stem)}: {first_line(p)}' for p in by_hand()]
    return '\n'.join(lines) + '\n'


def _section(columns: tuple[str, ...]) -> list[str]:
    rows = []
    for method in METHODS:
        cells = [_links(method, data) for data in columns]
        if any(cells):
            rows.append([f'`{method}`', *cells])
    return table_lines(['method', *(DATA[d].label for d in columns)], rows)


def _links(method: str, data: str) -> str:
    found = (
        _link(leaf.path, f'{leaf.cell.model} {leaf.cell.variant}'.strip())
        for leaf in _leaves(method, data)
    )
    return ', '.join(found)


def _leaves(method: str, data: str) -> list[Leaf]:
    return [
        leaf
        for leaf in table_leaves()
        if (leaf.cell.method, leaf.cell.data) == (method, data)
    ]


def _link(path: Path, text: str, start: Path = CONFIGS) -> str:
    return f'[{text}]({Path(os.path.relpath(path, start)).as_posix()})'


def methods_table() -> str:
    """The README's table, with its markers."""
    rows = [
        [method.row, _paper(method), *_first(name), _code(method)]
        for name, method in METHODS.items()
        if method.row
    ]
    header = ['method', 'paper', *_SHOWN.values(), 'supervision']
    return '\n'.join([BEGIN, '', *table_lines(header, rows), '', END])


def _paper(method: Method) -> str:
    paper = method.paper
    return f'[{paper.cited}]({paper.url})' if paper else ''


def _first(method: str) -> list[str]:
    """Of each data set that is shown, the first leaf config of the table."""
    return [
        _link(leaves[0].path, f'`{leaves[0].stem}`', PROJECT) if leaves else ''
        for leaves in (_leaves(method, data) for data in _SHOWN)
    ]


def _code(method: Method) -> str:
    files = (
        f'[`{name}.py`](cds_mm/supervision/{name}.py)' for name in method.code
    )
    return ', '.join(files) or "MMPretrain's `BYOL`"


def with_methods(readme: str) -> str:
    """The README with the table in its place."""
    return with_block(readme, methods_table())
