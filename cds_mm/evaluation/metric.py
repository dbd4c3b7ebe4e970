"""Calibration as a metric of MMEngine, beside the host's accuracy."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.evaluator import BaseMetric
from mmpretrain.registry import METRICS
from torch import Tensor

from cds_mm.choices import BINS
from cds_mm.errors import UserError
from cds_mm.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    scale_temperature,
)


def calibration_scores(
    probabilities: Tensor, labels: Tensor, bins: Sequence[int] = BINS
) -> dict[str, float]:
    """All scores of one set of predictions.

    Args:
        probabilities: (N, C).
        labels: (N,).
        bins: numbers of bins to give the ECE for.

    Returns:
        ``ece_<bins>`` in percent, ``nll`` in nats, ``brier`` in 0..2.
    """
    scores = {
        f'ece_{number}': 100
        * expected_calibration_error(probabilities, labels, number)
        for number in bins
    }
    scores['nll'] = negative_log_likelihood(probabilities, labels)
    scores['brier'] = brier_score(probabilities, labels)
    return scores


class ScoresMetric(BaseMetric):
    """Collects ``pred_score`` and ``gt_label`` of every sample."""

    def process(
        self, data_batch: object, data_samples: Sequence[dict]
    ) -> None:
        """Take a batch of predictions.

        Args:
            data_batch: not read.
            data_samples: DataSamples as dicts; ``pred_score`` is (C,), a
                softmax in fp32.

        Raises:
            UserError: there are no scores, or they are no such softmax.
        """
        for sample in data_samples:
            if 'pred_score' not in sample:
                raise UserError(
                    'calibration: the predictions have no pred_score; use a '
                    'head that gives the probability of each class'
                )
            if 'gt_label' not in sample or sample['gt_label'].numel() != 1:
                raise UserError(
                    'calibration: an image has not exactly one gt_label; use '
                    'it with single-label classification'
                )
        scores = torch.stack([s['pred_score'] for s in data_samples])
        labels = [sample['gt_label'].item() for sample in data_samples]
        _check_softmax(scores)
        _check_range(labels, scores.shape[1])
        # Copies: a row that is a view is sent with the scores of its batch.
        self.results += [
            dict(score=row.clone(), label=label)
            for row, label in zip(scores.cpu(), labels, strict=True)
        ]


@METRICS.register_module()
class CalibrationMetric(ScoresMetric):
    """ECE, NLL and Brier score of a single-label classifier (METHODS M22).

    Gives ``calibration/ece_15`` and ``calibration/ece_5`` in percent,
    ``calibration/nll`` in nats and ``calibration/brier``, summed over
    classes.  Beside accuracy:
    ``val_evaluator = [dict(type='Accuracy'), dict(type='CalibrationMetric')]``

    With a temperature every key ends in ``_temperature_scaled``, and
    ``calibration/temperature`` tells it: such numbers are no results of the
    training method alone.

    Args:
        bins: number of equal-width bins of the ECE, one or several.
        temperature: T, applied as softmax(ln p / T).
        temperature_from: a file with T, as
            ``tools/reliability_diagram.py --fit-temperature`` writes it.
        **kwargs: of MMEngine's BaseMetric.

    Raises:
        UserError: bins or temperature are not positive, or the file has none.
    """

    default_prefix = 'calibration'

    def __init__(
        self,
        bins: int | Sequence[int] = BINS,
        temperature: float | None = None,
        temperature_from: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.bins = [bins] if isinstance(bins, int) else list(bins)
        for number in self.bins:
            check_bins(number, 'CalibrationMetric.bins')
        if temperature_from is not None:
            if temperature is not None:
                raise UserError(
                    'CalibrationMetric: has both temperature and '
                    'temperature_from; leave one out'
                )
            temperature = _read_temperature(temperature_from)
        if temperature is not None:
            _check_temperature(temperature, 'CalibrationMetric.temperature')
        self.temperature = temperature

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The scores of all samples of all ranks."""
        probabilities, labels = stack_results(results)
        if self.temperature is None:
            return calibration_scores(probabilities, labels, self.bins)
        scaled = scale_temperature(probabilities, self.temperature)
        scores = calibration_scores(scaled, labels, self.bins)
        marked = {f'{k}_temperature_scaled': v for k, v in scores.items()}
        return dict(temperature=float(self.temperature), **marked)


class KeptScores(ScoresMetric):
    """Keeps the scores of the data set for who wants more than numbers.

    Attributes:
        scores: (N, C) probabilities and (N,) labels after an evaluation, on
            the first rank; else None.
    """

    default_prefix = 'scores'
    scores: tuple[Tensor, Tensor] | None = None

    def compute_metrics(self, results: list) -> dict:
        """Keep all, add nothing to the metrics."""
        self.scores = stack_results(results)
        return {}


def stack_results(results: list) -> tuple[Tensor, Tensor]:
    """(N, C) scores and (N,) labels of what ``process`` has put aside."""
    scores = torch.stack([result['score'] for result in results])
    return scores, torch.tensor([result['label'] for result in results])


def check_bins(number, name: str) -> None:
    """Raise a UserError unless it is a whole number above 0."""
    if not isinstance(number, int) or number < 1:
        raise UserError(f'{name}={number}: no number of bins; use 15, or 5')


def _check_softmax(scores):
    if scores.dtype not in (torch.float32, torch.float64):
        raise UserError(
            f'calibration: pred_score is {scores.dtype}, too coarse for '
            'bins; leave --amp out'
        )
    sums = scores.sum(1)
    # Written so that NaN fails, too.
    if not ((scores >= 0).all() and ((sums - 1).abs() < 1e-3).all()):
        raise UserError(
            'calibration: pred_score is no distribution over the classes '
            f'(the first sums to {sums[0]:.4g}); use a head with a softmax'
        )


def _check_range(labels, classes):
    for label in labels:
        if not 0 <= label < classes:
            raise UserError(
                f'calibration: gt_label {label} of a head with {classes} '
                'classes; correct model.head.num_classes, or the labels'
            )


def _read_temperature(path):
    fix = 'write it with tools/reliability_diagram.py --fit-temperature'
    try:
        temperature = json.loads(Path(path).read_text())['temperature']
    except OSError as error:
        raise UserError(f'{path}: {error.strerror}; {fix}') from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f'{path}: holds no temperature; {fix}') from error
    _check_temperature(temperature, f'{path}: temperature')
    return temperature


def _check_temperature(value, name):
    number = isinstance(value, (int, float)) and math.isfinite(value)
    if not number or value <= 0:
        raise UserError(
            f'{name}={value}: no number above 0; use 1 to change nothing'
        )
