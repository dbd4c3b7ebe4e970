"""A row of a table in Markdown, ours beside the published one."""

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from cds_mm.experiments.plan import Run, distinct, with_needs
from cds_mm.experiments.published import published
from cds_mm.experiments.result import METRIC, is_finished, read_result
from cds_mm.files import atomic_write
from cds_mm.markdown import table_lines


def write_table(
    runs: list[Run],
    path: Path,
    table: str | None = None,
    options: dict | None = None,
) -> str:
    """Write what the runs of a row gave; return the text.

    Args:
        runs: as planned, without those that they build on, which get rows
            of their own; a row without any result is left out.
        path: the file to write.
        table: the paper's table whose numbers stand beside ours, None for
            those of the same data set.
        options: what was set for all runs beyond the scale.
    """
    rows = _finished_rows(runs)
    cells = [_cells(row, path.parent, table) for row in rows]
    lines = table_lines(_head(runs), cells) + _other_metrics(rows)
    text = '\n'.join([*_about(runs, rows, options or {}), '', *lines, ''])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())
    return text


@dataclass(frozen=True)
class _Row:
    """What the runs of one cell gave, seed by seed.

    Attributes:
        title: of the row.
        runs: one for each seed.
        results: of the same, None where a run has not ended.
    """

    title: str
    runs: list[Run]
    results: list[dict | None]

    @property
    def finished(self) -> list[dict]:
        return [result for result in self.results if result]


def _finished_rows(runs: list[Run]) -> list[_Row]:
    """Those asked for, then those of their needs; each result read once."""
    by_title: dict[str, list[Run]] = {}
    for run in distinct(runs):
        by_title.setdefault(run.cell.title, []).append(run)
    folders = {run.folder for run in runs}
    for run in with_needs(runs):
        if run.folder not in folders:
            title = f'{run.cell.title} (scale `{run.scale.name}`, to build on)'
            by_title.setdefault(title, []).append(run)
    rows = [_row(title, own) for title, own in by_title.items()]
    return [row for row in rows if row.finished]


def _row(title: str, runs: list[Run]) -> _Row:
    results = [read_result(run) if is_finished(run) else None for run in runs]
    return _Row(title, runs, results)


def _about(runs, rows, options):
    scale = runs[0].scale
    results = [result for row in rows for result in row.finished]
    about = [f'Scale `{scale.name}`: {" ".join(scale.about.split())}']
    if options:
        told = ', '.join(f'{k}={v}' for k, v in options.items())
        about.append(f'But with `{told}`.')
    if not results:
        return [*about, 'No run has finished yet.']
    dates = sorted({result['date'] for result in results})
    machines = {m for result in results for m in result['machines']}
    commits = {c for result in results for c in result['commits']}
    return [
        *about,
        f'{len(results)} of {len(with_needs(runs))} runs, '
        f'{" to ".join(dict.fromkeys([dates[0], dates[-1]]))}, on '
        f'{"; ".join(sorted(machines))}; commit {", ".join(sorted(commits))}.',
    ]


def _head(runs):
    seeds = ' / '.join(dict.fromkeys(str(run.seed) for run in runs))
    return (
        'method',
        'epochs',
        'views of each image',
        f'top-1, seed {seeds}',
        'mean',
        'spread',
        'minutes',
        'published',
    )


def _cells(row, folder, table):
    by_seed = [result and result['last'] for result in row.results]
    last = [value for value in by_seed if value is not None]
    first = row.finished[0]
    leaf = os.path.relpath(row.runs[0].leaf, folder)
    spread = f'{stdev(last):.1f}' if len(last) > 1 else ''
    minutes = mean(result['wall_seconds'] for result in row.finished) / 60
    return (
        f'[{row.title}]({leaf})',
        first['epochs'],
        first['views_of_each_image'],
        ' / '.join(map(_number, by_seed)),
        _number(mean(last) if last else None),
        spread,
        f'{minutes:.0f}',
        _theirs(row.runs[0].cell, table),
    )


def _other_metrics(rows):
    """A second table of whatever else the runs were judged by, if any."""
    found = {
        row.title: [result.get('metrics', {}) for result in row.finished]
        for row in rows
    }
    every = dict.fromkeys(
        name for of_row in found.values() for one in of_row for name in one
    )
    names = [name for name in every if name != METRIC]
    if not names:
        return []
    cells = [
        [
            title,
            *(
                _mean_and_spread([one[n] for one in of_row if n in one])
                for n in names
            ),
        ]
        for title, of_row in found.items()
    ]
    about = ['', 'Mean of the seeds (spread):', '']
    return about + table_lines(['method', *names], cells)


def _mean_and_spread(values):
    if not values:
        return '-'
    spread = f' ({stdev(values):.3g})' if len(values) > 1 else ''
    return f'{mean(values):.4g}{spread}'


def _number(value):
    return '-' if value is None else f'{value:.1f}'


def _theirs(cell, table):
    found = published(cell, table=table)
    if found is None:
        return ''
    note = f'; {found.note}' if found.note else ''
    return f'{found.value:g} ({found.data}, {found.where}{note})'
