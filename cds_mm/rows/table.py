"""A row of a table in Markdown, ours beside the published one."""

from statistics import mean, stdev

from cds_mm.checkpoint.atomic import atomic_write
from cds_mm.rows.plan import Run
from cds_mm.rows.published import Published, published
from cds_mm.rows.result import is_finished, read_result


def write_table(runs: list[Run], path, table: str | None = None) -> str:
    """Write what the runs of a row gave; return the text.

    Args:
        runs: as planned; those without a result are left out.
        path: the file to write.
        table: the paper's table whose numbers stand beside ours, None for
            those of the same data set.
    """
    lines = [_head(runs, table), '|---|---|---|---|---|---|---|---|']
    for cell in dict.fromkeys(run.cell for run in runs):
        own = [run for run in runs if run.cell == cell and is_finished(run)]
        if own:
            lines.append(_line(cell, [read_result(r) for r in own], table))
    text = '\n'.join([*_about(runs), '', *lines, ''])
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, text.encode())
    return text


def _about(runs):
    first = runs[0]
    results = [read_result(run) for run in runs if is_finished(run)]
    machines = sorted({result['machine'] for result in results})
    commits = sorted({result['commit'] for result in results})
    dates = sorted({result['date'] for result in results})
    dates = list(dict.fromkeys([*dates[:1], *dates[-1:]]))
    scale = ' '.join(first.scale.about.split())
    return [
        f'Scale `{first.scale.name}`: {scale}',
        f'{len(results)} of {len(runs)} runs, {" to ".join(dates)}, on '
        f'{"; ".join(machines)}; commit {", ".join(commits)}.'
        if results
        else 'No run has finished yet.',
    ]


def _head(runs, table):
    seeds = ' / '.join(dict.fromkeys(str(run.seed) for run in runs))
    found = [published(run.cell, table=table) for run in runs]
    where = next((f for f in found if f), None)
    source = f' ({where.data}, Table {where.table})' if where else ''
    return (
        f'| method | epochs | views of each image | top-1, seed {seeds} '
        f'| mean | spread | minutes | published{source} |'
    )


def _line(cell, results, table):
    last = [result['last'] for result in results]
    first = results[0]
    spread = f'{stdev(last):.1f}' if len(last) > 1 else ''
    minutes = mean(result['wall_seconds'] for result in results) / 60
    theirs = _shown_value(published(cell, table=table))
    return (
        f'| [{cell.title}]({first["config"]}) | {first["epochs"]} '
        f'| {first["views_of_each_image"]} '
        f'| {" / ".join(f"{value:.1f}" for value in last)} '
        f'| {mean(last):.1f} | {spread} | {minutes:.0f} | {theirs} |'
    )


def _shown_value(found: Published | None) -> str:
    if found is None:
        return ''
    return f'{found.value:g}' + (f' ({found.note})' if found.note else '')
