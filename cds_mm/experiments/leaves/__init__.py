"""The leaf configs that are cells of method x model x data x schedule.

``table.csv`` has them, a row for many; ``tools/write_configs.py`` writes them,
a catalogue of them and the index files.  All other leaf configs are written
by hand.
"""

import csv
from functools import cache
from itertools import product
from pathlib import Path

from cds_mm.config.leaf_names import leaf_files
from cds_mm.experiments.cell import Cell
from cds_mm.experiments.leaves.leaf import Leaf

__all__ = ['Leaf', 'by_hand', 'table_leaves']

TABLE = Path(__file__).with_name('table.csv')


@cache
def table_leaves() -> list[Leaf]:
    """Every leaf config of the table, in its order."""
    with TABLE.open(newline='') as file:
        rows = [*csv.DictReader(file)]
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
