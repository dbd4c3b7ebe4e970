"""Metrics that the hosts lack."""

import cds_mm.hosts  # noqa: F401

from cds_mm.evaluation.bfloat16_loop import BFloat16TestLoop
from cds_mm.evaluation.calibration import (
    Reliability,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
    reliability,
    scale_temperature,
)
from cds_mm.evaluation.diagram import draw_reliability
from cds_mm.evaluation.metric import (
    CalibrationMetric,
    KeptScores,
    calibration_scores,
)

__all__ = [
    'BFloat16TestLoop',
    'CalibrationMetric',
    'KeptScores',
    'Reliability',
    'brier_score',
    'calibration_scores',
    'draw_reliability',
    'expected_calibration_error',
    'fit_temperature',
    'log_probabilities',
    'negative_log_likelihood',
    'reliability',
    'scale_temperature',
]
