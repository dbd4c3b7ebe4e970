"""A row of a table in Markdown, ours beside the published one."""

import os
from pathlib import Path
from statistics import mean, stdev

from cds_mm.checkpoint.atomic import atomic_write
from cds_mm.rows.plan import Run
from cds_mm.rows.published import published
from cds_mm.rows.result import is_finished, read_result


def write_table(
    runs: list[Run],
    path: Path,
    table: str | None = None,
    options: dict | None = None,
) -> str:
    """Write what the runs of a row gave; return the text.

    Args:
        runs: as planned; a cell without any result is left out.
        path: the file to write.
        table: the paper's table whose numbers stand beside ours, None for
            those of the same data set.
        options: what was set for all runs beyond the scale.
    """
    lines = [_head(runs), '|---|---|---|---|---|---|---|---|']
    for cell in dict.fromkeys(run.cell for run in runs):
        own = [run for run in runs if run.cell == cell]
        if any(map(is_finished, own)):
            lines.append(_line(cell, own, path.parent, table))
    text = '\n'.join([*_about(runs, options or {}), '', *lines, ''])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())
    return text


def _about(runs, options):
    first = runs[0]
    results = [read_result(run) for run in runs if is_finished(run)]
    scale = ' '.join(first.scale.about.split())
    about = [f'Scale `{first.scale.name}`: {scale}']
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
        f'| method | epochs | views of each image | top-1, seed {seeds} '
        '| mean | spread | minutes | published |'
    )


def _line(cell, runs, folder, table):
    results = [read_result(run) for run in runs if is_finished(run)]
    last = [result['last'] for result in results]
    by_seed = [
        f'{read_result(run)["last"]:.1f}' if is_finished(run) else '-'
        for run in runs
    ]
    first = results[0]
    leaf = os.path.relpath(runs[0].leaf, folder)
    spread = f'{stdev(last):.1f}' if len(last) > 1 else ''
    minutes = mean(result['wall_seconds'] for result in results) / 60
    return (
        f'| [{cell.title}]({leaf}) | {first["epochs"]} '
        f'| {first["views_of_each_image"]} | {" / ".join(by_seed)} '
        f'| {mean(last):.1f} | {spread} | {minutes:.0f} '
        f'| {_theirs(cell, table)} |'
    )


def _theirs(cell, table):
    found = published(cell, table=table)
    if found is None:
        return ''
    note = f'; {found.note}' if found.note else ''
    return f'{found.value:g} ({found.data}, Table {found.table}{note})'
