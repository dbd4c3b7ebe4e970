"""Training loss and accuracy of runs together."""

import argparse
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from cds_mm.analysis.scalars import curve, epoch_means, scalars
from cds_mm.config import load_config, type_name
from cds_mm.errors import UserError
from cds_mm.evaluation.picture import load_figure, new_figure, save_figure
from cds_mm.files import check_output

# Okabe and Ito's colours, which the colour-blind can tell apart.
_COLOURS = (
    '#0072b2 #e69f00 #009e73 #cc79a7 #d55e00 #56b4e9 #000000 #f0e442'
).split()
_LINES = ('-', '--', ':', '-.')
_LONGEST = 40  # letters of a name in the legend


class Curves(NamedTuple):
    """What a run has logged of itself.

    Attributes:
        name: what tells it from the other runs.
        epochs: of the losses.
        losses: mean of what each epoch has logged, over ``weight``.
        logged: how many lines the last epoch's mean is of.
        weight: that the loss had in the run's config, None if unknown.
        validated: epochs of the scores.
        scores: of the validation set; none where it was not validated.
    """

    name: str
    epochs: list[int]
    losses: list[float]
    logged: int
    weight: float | None
    validated: list[int]
    scores: list[float]


def plot_losses(args: argparse.Namespace) -> None:
    """Read the logs, print a line for each run, write the picture.

    Raises:
        UserError: whatever the user can fix.
    """
    check_output(args.out, '--out', 'the curves are', ('.png',))
    load_figure()
    names = short_names(args.work_dirs)
    runs, left_out = _read_all(args, names)
    first = next(run for run in runs if run.scores)
    for run in runs:
        print(describe(run, first, args.loss, args.metric))
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    draw_curves(args.out, runs, args.loss, args.metric)
    print(f'{args.out}: the curves of {len(runs)} runs')
    for said in left_out:
        print(f'left out: {said}')


def _read_all(args, names) -> tuple[list[Curves], list[str]]:
    """The curves that there are, and a line for each that is not.

    Raises:
        UserError: there is no loss at all, or no score at all.
    """
    runs, left_out = [], []
    for folder, name in zip(args.work_dirs, names, strict=True):
        try:
            run = read_curves(Path(folder), name, args.loss, args.metric)
        except UserError as error:
            left_out.append(str(error))
            continue
        runs.append(run)
        if not run.scores:
            left_out.append(_lacks(Path(folder), args.metric))
    if not any(run.scores for run in runs):
        raise UserError(left_out[0])
    return runs, left_out


def read_curves(folder: Path, name: str, loss: str, metric: str) -> Curves:
    """The curves of one run.

    Args:
        folder: its work dir.
        name: to call it by.
        loss: name of a scalar of training.
        metric: name of one of validation.

    Raises:
        UserError: there is no log, or it lacks the loss.
    """
    lines = scalars(folder)
    weight = loss_weight(folder, loss)
    epochs, losses, logged = epoch_means(lines, loss)
    validated, scores = curve(lines, metric)
    if not losses:
        raise UserError(_lacks(folder, loss))
    losses = [value / (weight or 1) for value in losses]
    return Curves(name, epochs, losses, logged[-1], weight, validated, scores)


def _lacks(folder: Path, key: str) -> str:
    lines = scalars(folder)
    known = sorted({k for line in lines for k in line} - {'step'})
    return (
        f'{folder}: has logged no {key}; choose among {", ".join(known)} '
        'with --loss and --metric'
    )


def loss_weight(folder: Path, key: str) -> float | None:
    """The weight of a supervision's loss in the config that a run has left.

    Args:
        folder: the run's work dir.
        key: of the log, e.g. 'loss_ce' or 'loss_cds.stage1'.

    Returns:
        float: None if there is no such config, or it does not say.
    """
    found = sorted(folder.glob('*/vis_data/config.py'))
    if not found:
        return None
    model = load_config(str(found[-1])).get('model') or Config()
    name = key.removeprefix('loss_').partition('.')[0]
    supervision = (model.get('supervisions') or {}).get(name)
    if not supervision:
        return None
    plain = type_name(supervision) == 'CrossEntropySupervision'
    return supervision.get('weight', 1.0 if plain else None)


def describe(run: Curves, first: Curves, loss: str, metric: str) -> str:
    """One line: how the run ended, and how that is from the first's end."""
    text = (
        f'{run.name}: {loss} {run.losses[-1]:.4f}{_weighted(run.weight)} in '
        f'training (epoch {run.epochs[-1]}, {_lines(run.logged)} of the log)'
    )
    if not run.scores:
        return f'{text}, no {metric}'
    text += f', {metric} {run.scores[-1]:.2f} (epoch {run.validated[-1]})'
    if run is first:
        return text
    loss_gap = run.losses[-1] - first.losses[-1]
    score_gap = run.scores[-1] - first.scores[-1]
    holds = 'does' if loss_gap > 0 and score_gap > 0 else 'does not'
    return (
        f'{text}; against {first.name} {loss_gap:+.4f} and {score_gap:+.2f}: '
        f'"higher loss and higher score" {holds} hold'
    )


def draw_curves(path, runs: list[Curves], loss: str, metric: str) -> None:
    """Write three panels as PNG: losses, scores, and both at the end.

    Runs that differ in their last folder alone, such as seeds, share a
    colour.

    Args:
        path: of the file.
        runs: in the order of the legend.
        loss: for the axis.
        metric: for the axis.

    Raises:
        UserError: the file cannot be written.
    """
    figure = new_figure(14, 4.4)
    left, middle, right = figure.subplots(1, 3)
    weighted = any(run.weight is None for run in runs)
    loss = f'training {loss}{", as logged" if weighted else ", unweighted"}'
    for run, (colour, line) in zip(runs, _styles(runs), strict=True):
        style = dict(color=colour, linestyle=line, linewidth=1.5)
        dots = dict(marker='o', markersize=3)  # a run may have one epoch
        name = _shorten(run.name)
        left.plot(run.epochs, run.losses, label=name, **dots, **style)
        middle.plot(run.validated, run.scores, **dots, **style)
        if run.scores:
            right.scatter(run.losses[-1], run.scores[-1], color=colour, s=45)
    left.set(title='Loss over epochs', xlabel='epoch', ylabel=loss)
    middle.set(title='Score over epochs', xlabel='epoch', ylabel=metric)
    right.set(title='Both at the end', xlabel=loss, ylabel=metric)
    right.margins(0.15)
    middle.set_xlim(left.get_xlim())
    for axis in (left, middle, right):
        axis.grid(alpha=0.3)
        axis.spines[['top', 'right']].set_visible(False)
    figure.legend(
        loc='outside lower center',
        ncols=min(3, len(runs)),
        frameon=False,
        fontsize=9,
    )
    save_figure(figure, path)


def short_names(folders: list[str]) -> list[str]:
    """The parts of paths that tell them apart, without the common ones."""
    parts = [Path(folder).absolute().parts for folder in folders]
    if len(set(parts)) < 2:
        return [path[-1] for path in parts]
    shortest = min(len(path) for path in parts)
    start = end = 0
    while len({path[: start + 1] for path in parts}) == 1:
        start += 1
    while (
        end + start + 1 < shortest
        and len({path[len(path) - end - 1 :] for path in parts}) == 1
    ):
        end += 1
    # A folder that is inside of another one has nothing of its own left.
    return [
        '/'.join(path[start : len(path) - end]) or path[-1] for path in parts
    ]


def _styles(runs):
    groups = [run.name.rpartition('/')[0] or run.name for run in runs]
    colours = list(dict.fromkeys(groups))
    for number, group in enumerate(groups):
        seen = groups[:number].count(group)
        colour = _COLOURS[colours.index(group) % len(_COLOURS)]
        yield colour, _LINES[seen % len(_LINES)]


def _weighted(weight):
    if weight is None:
        return ' (as logged)'
    return '' if weight == 1 else f' (logged with weight {weight:g})'


def _lines(number):
    return '1 line' if number == 1 else f'mean of {number} lines'


def _shorten(name):
    return name if len(name) <= _LONGEST else f'...{name[3 - _LONGEST :]}'
