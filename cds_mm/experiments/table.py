"""A row of a table in Markdown, ours beside the published one."""

import os
from pathlib import Path
from statistics import mean, stdev

from cds_mm.experiments.plan import Run, with_needs
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
    cells = [
        _cells(title, own, path.parent, table) for title, own in rows.items()
    ]
    lines = table_lines(_head(runs), cells) + _other_metrics(rows)
    text = '\n'.join([*_about(runs, options or {}), '', *lines, ''])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())
    return text


def _finished_rows(runs):
    """Runs by the title of their row: those asked for, then their needs."""
    rows = {}
    for run in runs:
        rows.setdefault(run.cell.title, []).append(run)
    folders = {run.folder for run in runs}
    for run in with_needs(runs):
        if run.folder not in folders:
            title = f'{run.cell.title} (scale `{run.scale.name}`, to build on)'
            rows.setdefault(title, []).append(run)
    return {t: own for t, own in rows.items() if any(map(is_finished, own))}


def _about(runs, options):
    scale = runs[0].scale
    runs = with_needs(runs)
    results = [read_result(run) for run in runs if is_finished(run)]
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
        f'{len(results)} of {len(runs)} runs, '
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


def _cells(title, runs, folder, table):
    cell = runs[0].cell
    results = [read_result(run) for run in runs if is_finished(run)]
    by_seed = [
        read_result(run)['last'] if is_finished(run) else None for run in runs
    ]
    last = [value for value in by_seed if value is not None]
    first = results[0]
    leaf = os.path.relpath(runs[0].leaf, folder)
    spread = f'{stdev(last):.1f}' if len(last) > 1 else ''
    minutes = mean(result['wall_seconds'] for result in results) / 60
    return (
        f'[{title}]({leaf})',
        first['epochs'],
        first['views_of_each_image'],
        ' / '.join(map(_number, by_seed)),
        _number(mean(last) if last else None),
        spread,
        f'{minutes:.0f}',
        _theirs(cell, table),
    )


def _other_metrics(rows):
    """A second table of whatever else the runs were judged by, if any."""
    found = {
        title: [
            read_result(run).get('metrics', {})
            for run in own
            if is_finished(run)
        ]
        for title, own in rows.items()
    }
    names = dict.fromkeys(
        name for of_row in found.values() for one in of_row for name in one
    )
    names = [name for name in names if name != METRIC]
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
