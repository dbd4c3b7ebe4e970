"""Divergences between classifiers: analytic values, a loop, gradients."""

import math

import pytest
import torch
from references import divergence

from cds_mm.losses import softened_cross_entropy, softened_divergence
from cds_mm.testing import fresh_generator

UNIFORM, SKEWED = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])


@pytest.mark.parametrize(
    ('temperature', 'forth', 'back'),
    [
        (1.0, 0.143841, 0.130812),
        (2.0, 0.149009, 0.145363),
        (4.0, 0.150397, 0.149458),
    ],
)
def test_two_classes(temperature, forth, back):
    value = softened_divergence(UNIFORM, SKEWED, temperature)
    assert float(value) == pytest.approx(forth, abs=1e-6)
    value = softened_divergence(SKEWED, UNIFORM, temperature)
    assert float(value) == pytest.approx(back, abs=1e-6)


@pytest.mark.parametrize('smoothing', [0.0, 1e-8, 1e-2])
def test_equals_the_double_loop(smoothing):
    generator = fresh_generator()
    target, logits = torch.randn(2, 5, 7, generator=generator).double() * 4
    rows = zip(target, logits, strict=True)
    total = sum(divergence(t, x, 3.0, smoothing) for t, x in rows)
    value = softened_divergence(target, logits, 3.0, smoothing)
    assert float(value) == pytest.approx(float(total) / 5, rel=1e-9)


def test_only_the_follower_feels_it():
    generator = fresh_generator()
    target = torch.randn(4, 6, generator=generator, requires_grad=True)
    logits = torch.randn(4, 6, generator=generator, requires_grad=True)
    softened_divergence(target, logits, 2.0, 1e-8).backward()
    assert target.grad is None
    assert logits.grad.abs().sum() > 0


def test_finite_differences():
    generator = fresh_generator()
    target, logits = torch.randn(2, 4, 5, generator=generator).double()

    def value(x):
        return softened_divergence(target, x, 2.0, 1e-8)

    assert torch.autograd.gradcheck(value, logits.requires_grad_())


@pytest.mark.parametrize('smoothing', [0.0, 1e-8])
def test_certain_and_wrong_stays_finite(smoothing):
    target = torch.tensor([[200.0, -200.0]])
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    value = softened_divergence(target, logits, 1.0, smoothing)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_half_precision_is_computed_in_float():
    generator = fresh_generator()
    target, logits = torch.randn(2, 4, 5, generator=generator).bfloat16()
    value = softened_divergence(target, logits)
    assert value.dtype == torch.float32
    expected = softened_divergence(target.float(), logits.float())
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ('temperature', 'entropy'), [(1.0, 0.562335), (3.0, 0.676661)]
)
def test_cross_entropy_of_equals_is_the_entropy(temperature, entropy):
    value = softened_cross_entropy(SKEWED, SKEWED, temperature)
    assert float(value) == pytest.approx(entropy, abs=1e-6)


def test_cross_entropy_is_divergence_and_entropy():
    generator = fresh_generator()
    target, logits = torch.randn(2, 4, 5, generator=generator).double()
    logits.requires_grad_()
    whole = softened_cross_entropy(target, logits, 3.0)
    divergence = softened_divergence(target, logits, 3.0) / 9
    entropy = softened_cross_entropy(target, target, 3.0)
    torch.testing.assert_close(whole, divergence + entropy)
    grads = (torch.autograd.grad(v, logits)[0] for v in (whole, divergence))
    torch.testing.assert_close(*grads)
