"""The leaf configs that are cells of method x model x data x schedule.

``table.csv`` has them, a row for many; ``tools/write_configs.py`` writes them,
a catalogue of them and the index files.  All other leaf configs are written
by hand.
"""

import ast
import csv
from functools import cache
from itertools import product
from pathlib import Path

from cds_mm.config.leaf_names import leaf_files
from cds_mm.errors import UserError
from cds_mm.experiments.cell import Cell
from cds_mm.experiments.leaves.leaf import Leaf

__all__ = ['Leaf', 'by_hand', 'first_line', 'folders', 'table_leaves']

TABLE = Path(__file__).with_name('table.csv')


@cache
def table_leaves() -> list[Leaf]:
    """Every leaf config of the table, in its order.

    Raises:
        UserError: a line has more cells than the first, or fewer.
    """
    with TABLE.open(newline='') as file:
        rows = [*csv.DictReader(file)]
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UserError(
                f'{TABLE.name}, line {number}: has other columns than the '
                'first line; count its commas'
            )
    return [
        Leaf(Cell(method, model, data, variant), row)
        for row in rows
        for data, variant, method, model in product(
            row['data'].split(),
            row['variants'].split() or [''],
            row['methods'].split(),
            row['models'].split(),
        )
    ]


def by_hand() -> list[Path]:
    """The leaf configs that the table does not have, sorted."""
    written = {leaf.path for leaf in table_leaves()}
    return sorted(set(leaf_files().values()) - written)


def folders() -> list[Path]:
    """The folders that the table fills, the top first."""
    return sorted({leaf.path.parent for leaf in table_leaves()})


def first_line(path: Path) -> str:
    """The title of a leaf config, of the table or by hand.

    Raises:
        UserError: it has no header.
    """
    titles = {leaf.path: leaf.title for leaf in table_leaves()}
    if path in titles:
        return titles[path]
    about = ast.get_docstring(ast.parse(path.read_text()))
    if not about:
        raise UserError(f'{path}: says nothing of itself; give it a header')
    return about.partition('\n')[0]
