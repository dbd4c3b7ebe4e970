"""Calibration scores: given values, limits, other implementations, loops."""

import math

import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from cds_mm.errors import UserError
from cds_mm.evaluation import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
    negative_log_likelihood,
    reliability,
    scale_temperature,
)
from cds_mm.testing import fresh_generator

# Of METHODS M22.
SURE = ([0.95, 0.95, 0.55, 0.55], [1, 1, 1, 0])
SPREAD = ([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0])


def binary(confidences, correct, dtype=torch.float64):
    confidence = torch.tensor(confidences, dtype=torch.float64)
    probabilities = torch.stack([confidence, 1 - confidence], 1)
    return probabilities.to(dtype), 1 - torch.tensor(correct)


def random_case(rows=400, classes=7, dtype=torch.float64, sharpness=2.0):
    """Predictions of every confidence, about right."""
    generator = fresh_generator()
    logits = torch.randn(rows, classes, generator=generator).to(dtype)
    logits = logits * sharpness
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)
    return logits, labels[:, 0]


def loop_error(probabilities, labels, bins):
    """As it is defined: for each bin, those in it, one by one."""
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [
            (max(row), row.index(max(row)) == label)
            for row, label in zip(
                probabilities.tolist(), labels.tolist(), strict=True
            )
            if low < max(row) <= high
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(value for value, _ in inside) / len(inside)
            total += len(inside) * abs(accuracy - confidence)
    return total / len(labels)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ('case', 'errors', 'nll', 'brier'),
    [
        (SURE, {5: 0.05, 15: 0.05}, 0.374733, 0.255),
        (SPREAD, {1: 0.25, 10: 0.40}, 0.612192, 0.45),
    ],
)
def test_the_given_values(case, errors, nll, brier, dtype):
    scores = binary(*case, dtype)
    for bins, error in errors.items():
        value = expected_calibration_error(*scores, bins)
        assert value == pytest.approx(error, abs=1e-6)
    assert negative_log_likelihood(*scores) == pytest.approx(nll, abs=1e-6)
    assert brier_score(*scores) == pytest.approx(brier, abs=1e-6)


def test_one_hot_and_correct_is_zero():
    labels = torch.tensor([0, 3, 1, 3])
    scores = torch.eye(4)[labels], labels
    assert expected_calibration_error(*scores, 15) == 0
    assert negative_log_likelihood(*scores) == 0
    assert brier_score(*scores) == 0


@pytest.mark.parametrize('classes', [2, 10, 100])
def test_uniform(classes):
    scores = torch.full((5, classes), 1 / classes), torch.arange(5) % classes
    nll = negative_log_likelihood(*scores)
    assert nll == pytest.approx(math.log(classes), rel=1e-6)
    assert brier_score(*scores) == pytest.approx(1 - 1 / classes, rel=1e-6)


@pytest.mark.parametrize('bins', [1, 5, 15])
def test_equals_the_loop(bins):
    logits, labels = random_case()
    value = expected_calibration_error(logits.softmax(1), labels, bins)
    wanted = loop_error(logits.softmax(1), labels, bins)
    assert value == pytest.approx(wanted, rel=1e-9)


def test_brier_equals_the_loop_and_leaves_its_input():
    logits, labels = random_case(50)
    probabilities = logits.softmax(1)
    before = probabilities.clone()
    total = sum(
        (value - (column == label)) ** 2
        for row, label in zip(
            probabilities.tolist(), labels.tolist(), strict=True
        )
        for column, value in enumerate(row)
    )
    assert brier_score(probabilities, labels) == pytest.approx(total / 50)
    assert torch.equal(probabilities, before)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_nll_equals_that_of_scikit_learn(dtype):
    logits, labels = random_case(dtype=dtype)
    probabilities = logits.softmax(1)
    exact = logits.double().softmax(1)
    wanted = log_loss(labels, exact, labels=range(7))
    value = negative_log_likelihood(probabilities, labels)
    assert value == pytest.approx(wanted, rel=1e-6)


def test_the_bins_add_up():
    logits, labels = random_case()
    probabilities = logits.softmax(1)
    bins = reliability(probabilities, labels, 15)
    assert bins.count.sum() == 400
    right = (probabilities.argmax(1) == labels).double()
    assert (bins.count * bins.accuracy).sum() == pytest.approx(right.sum())
    confidence = (bins.count * bins.confidence).sum()
    assert confidence == pytest.approx(probabilities.amax(1).sum())
    # The largest of seven is above 1/7, hence above 2/15.
    assert bins.count[0] == bins.accuracy[0] == bins.confidence[0] == 0


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_an_edge_belongs_to_the_bin_below_it(dtype):
    confidences = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    # Not a distribution, but each has a bin, and 0 is in the first.
    probabilities = torch.tensor(confidences, dtype=dtype)[:, None]
    bins = reliability(probabilities, torch.zeros(6).long(), 5)
    assert bins.count.tolist() == [2, 1, 1, 1, 1]


def test_a_sum_that_was_rounded_up_is_in_the_last_bin():
    above = torch.tensor([[1.0000001, 0.0]])
    assert reliability(above, torch.tensor([0]), 5).count.tolist()[-1] == 1


def test_what_a_softmax_has_rounded_to_zero():
    probabilities = torch.tensor([[200.0, -200.0], [0.0, 0.0]]).softmax(1)
    labels = torch.tensor([1, 0])
    nll = negative_log_likelihood(probabilities, labels)
    assert nll == pytest.approx((87.3365 + math.log(2)) / 2, rel=1e-5)
    assert log_probabilities(probabilities).isfinite().all()


@pytest.mark.parametrize(
    ('scores', 'labels'),
    [
        (torch.ones(2, 3).half(), torch.zeros(2).long()),
        (torch.ones(2, 3), torch.zeros(3).long()),
        (torch.ones(2), torch.zeros(2).long()),
        (torch.ones(0, 3), torch.zeros(0).long()),
        (torch.ones(2, 3), torch.tensor([0, 3])),
        (torch.ones(2, 3), torch.tensor([0, -1])),
    ],
)
def test_what_does_not_fit_is_refused(scores, labels):
    for function in (brier_score, negative_log_likelihood, fit_temperature):
        with pytest.raises(ValueError):
            function(scores, labels)


@pytest.mark.parametrize('factor', [0.02, 0.5, 1.0, 3.0, 50.0])
def test_a_factor_is_found_again(factor):
    logits, labels = random_case()
    base = fit_temperature(logits, labels)
    found = fit_temperature(logits * factor, labels)
    assert found == pytest.approx(base * factor, rel=1e-9)
    assert found == fit_temperature(logits * factor, labels)


def test_labels_drawn_at_a_temperature_give_it():
    logits, labels = random_case(20000)
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.1)


def test_no_other_temperature_has_a_smaller_nll():
    logits, labels = random_case()

    def nll(temperature):
        scaled = (logits / temperature).softmax(1)
        return negative_log_likelihood(scaled, labels)

    wanted = minimize_scalar(nll, bounds=(0.2, 5), method='bounded')
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(wanted.x, rel=1e-3)
    # Beside a minimum the NLL differs by less than float64 rounds.
    assert nll(found) <= wanted.fun + 1e-12


def test_probabilities_will_do_for_logits():
    logits, labels = random_case()
    shifted = logits + torch.arange(400)[:, None]
    wanted = fit_temperature(logits, labels)
    for other in (shifted, log_probabilities(logits.softmax(1))):
        assert fit_temperature(other, labels) == pytest.approx(wanted)
    single = log_probabilities(logits.float().softmax(1))
    assert fit_temperature(single, labels) == pytest.approx(wanted, rel=1e-4)
    scaled = scale_temperature(logits.softmax(1), wanted)
    assert torch.allclose(scaled, (logits / wanted).softmax(1))


def test_no_best_temperature():
    logits, labels = random_case()
    with pytest.raises(UserError, match='all 400 predictions are correct'):
        fit_temperature(logits, logits.argmax(1))
    with pytest.raises(UserError, match='than chance'):
        fit_temperature(-logits, logits.argmax(1))
    with pytest.raises(UserError, match='than chance'):
        fit_temperature(torch.zeros(400, 7), labels)
