"""The numbers of the paper's tables, under the names of the configs."""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cds_mm.errors import UserError
from cds_mm.experiments.cell import Cell

FILE = Path(__file__).with_name('published.csv')
# Data sets that differ from the published one in their layout alone.
_SUFFIX = '_folder'


class Published(NamedTuple):
    """A published number.

    Attributes:
        table: number of the paper's table, or 'figure' for the one of few
            labels.
        data: the data set that it was measured on.
        metric: e.g. 'top1'.
        value: as it is printed.
        note: what is odd about it, or nothing.
        printed: the value, with as many places as it is printed with.
    """

    table: str
    data: str
    metric: str
    value: float
    note: str
    printed: str

    @property
    def where(self) -> str:
        """The table or the figure, for people."""
        return f'Table {self.table}' if self.table.isdigit() else self.table


@cache
def _rows() -> list[dict]:
    with FILE.open(newline='') as file:
        return list(csv.DictReader(file))


def published(
    cell: Cell, metric: str = 'top1', table: str | None = None
) -> Published | None:
    """What the paper has for a cell, or None.

    Args:
        cell: a method with its variant, model and data set.
        metric: as the file calls it.
        table: take the method and the model from this table, whatever its
            data set is; None takes the number for the cell's own data set.

    Raises:
        UserError: there is no such table.
    """
    rows = _rows()
    if table is not None and table not in {row['table'] for row in rows}:
        tables = ', '.join(sorted({row['table'] for row in rows}))
        raise UserError(f'--table {table}: no such table; there are {tables}')
    data = cell.data.removesuffix(_SUFFIX)
    for row in rows:
        same = (row['method'], row['variant'], row['model'], row['metric'])
        if same != (cell.method, cell.variant, cell.model, metric):
            continue
        place = row['table'] == table if table else row['data'] == data
        if place:
            printed = row['value']
            return Published(
                row['table'],
                row['data'],
                metric,
                float(printed),
                row['note'],
                printed,
            )
    return None
