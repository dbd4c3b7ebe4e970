"""How far confidence is from accuracy."""

import argparse
import copy
import json
from pathlib import Path

from torch import Tensor

from cds_mm.config import is_detection
from cds_mm.engine.preflight import check_data
from cds_mm.engine.test import build_test_runner, evaluation_config
from cds_mm.errors import UserError
from cds_mm.evaluation import (
    KeptScores,
    calibration_scores,
    draw_reliability,
    fit_temperature,
    log_probabilities,
    reliability,
    scale_temperature,
)
from cds_mm.evaluation.metric import BINS, check_bins
from cds_mm.evaluation.picture import load_figure
from cds_mm.files import atomic_write, check_output

Scores = tuple[Tensor, Tensor]  # (N, C) probabilities, (N,) labels


def reliability_diagram(args: argparse.Namespace) -> None:
    """Evaluate, print the scores, write the picture and the numbers.

    Raises:
        UserError: whatever the user can fix.
    """
    if args.out is None:
        stem = Path(args.checkpoint).with_suffix('')
        args.out = f'{stem}_reliability.png'
    cfg = evaluation_config(args)
    _check(args, cfg)
    needs_val = args.fit_temperature and not _same_images(cfg)
    if needs_val:
        check_data(cfg, ('val',))
    test = _evaluate(cfg)
    val = _evaluate(_val_as_test(cfg)) if needs_val else test
    if test is not None and val is not None:  # on the first rank
        # As here most data sets are published with: then T has seen what it
        # is judged on, which is to be said wherever it is shown.
        fitted_on = 'val'
        if _same_place(cfg):
            part = 'images of the test set' if needs_val else 'the test set'
            fitted_on = f'val ({part} itself)'
        report(args, test, val, fitted_on)


def report(args, test: Scores, val: Scores, fitted_on: str) -> None:
    """Print, draw and write what is known of the test set.

    Args:
        args: of ``tools/reliability_diagram.py``.
        test: what is shown.
        val: what a temperature is fitted on, if one is asked for.
        fitted_on: what to call that.

    Raises:
        UserError: no temperature is best; the rest is written all the same.
    """
    shown = dict(as_trained=('as trained', test))
    numbers = dict(config=args.config, checkpoint=args.checkpoint)
    try:
        if args.fit_temperature:
            fitted = fit_temperature(log_probabilities(val[0]), val[1])
            numbers.update(temperature=fitted, temperature_fitted_on=fitted_on)
            shown['temperature_scaled'] = _scaled(test, fitted, fitted_on)
    finally:
        # Also where no T is best: the evaluation may have taken an hour.
        _show(args, shown, numbers)


def _scaled(scores, temperature, fitted_on):
    heading = (
        f'after temperature scaling, T fitted on {fitted_on}: '
        f'T = {temperature:.4g}'
    )
    return heading, (scale_temperature(scores[0], temperature), scores[1])


def _show(args, shown, numbers):
    panels = []
    for name, (heading, scores) in shown.items():
        rows, labels = scores
        bins = _ece_bins(args.bins)
        numbers[name] = calibration_scores(rows, labels, bins)
        panels.append((heading, reliability(rows, labels, args.bins)))
        print(f'{heading}: {_describe(numbers[name])}')
    draw_reliability(args.out, panels)
    text = json.dumps(numbers, indent=2) + '\n'
    atomic_write(Path(args.out).with_suffix('.json'), text.encode())
    print(f'{args.out}: the diagram of {panels[0][1].count.sum()} images')


def _check(args, cfg):
    check_bins(args.bins, '--bins')
    check_output(args.out, '--out', 'the diagram is', ('.png',))
    load_figure()
    if is_detection(cfg):
        raise UserError(
            f'{args.config}: trains a detector, whose scores are no '
            'distribution over classes; choose a classification config'
        )
    if args.fit_temperature and not cfg.get('val_dataloader'):
        raise UserError(
            f'{args.config}: has no val_dataloader to fit a temperature on; '
            'leave out --fit-temperature'
        )


def _same_images(cfg):
    test, val = (
        {k: v for k, v in loader.dataset.items() if k != 'pipeline'}
        for loader in (cfg.test_dataloader, cfg.val_dataloader)
    )
    return test == val


def _same_place(cfg):
    """Whether both are from one set, of which one may take fewer images."""
    test, val = (
        [loader.dataset.get(key) for key in ('data_root', 'split', 'ann_file')]
        for loader in (cfg.test_dataloader, cfg.val_dataloader)
    )
    return test == val


def _val_as_test(cfg):
    # Not runner.val(), after which hooks look for the best checkpoint.
    cfg = copy.deepcopy(cfg)
    cfg.test_dataloader = cfg.val_dataloader
    return cfg


def _evaluate(cfg) -> Scores | None:
    runner = build_test_runner(cfg)
    kept = KeptScores()
    runner.test_evaluator.metrics.append(kept)
    runner.test()
    return kept.scores


def _ece_bins(bins):
    return list(dict.fromkeys((bins, *BINS)))


def _describe(scores):
    eces = [
        f'ECE ({name.removeprefix("ece_")} bins) {value:.2f} %'
        for name, value in scores.items()
        if name.startswith('ece_')
    ]
    rest = f'NLL {scores["nll"]:.4f}, Brier {scores["brier"]:.4f}'
    return ', '.join([*eces, rest])
