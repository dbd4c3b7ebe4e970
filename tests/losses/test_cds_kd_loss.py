"""Distilled CDS: regression of the teacher against a loop, analytic values."""

import math

import pytest
import torch

from cds_mm.losses import feature_regression_loss
from cds_mm.testing import fresh_generator, random_units


def naive_loss(student, teacher, form):
    squares = [
        [(a - b) ** 2 for a, b in zip(s, t, strict=True)]
        for s, t in zip(student.tolist(), teacher.tolist(), strict=True)
    ]
    sums = [sum(row) for row in squares]
    if form == 'fro':
        return math.sqrt(sum(sums) + 1e-12)
    if form == 'mse':
        return sum(sums) / (len(sums) * len(squares[0]))
    return sum(math.sqrt(s + 1e-12) for s in sums) / len(sums)


@pytest.mark.parametrize('form', ['fro', 'mse', 'l2_per_sample'])
def test_equals_the_double_loop(form):
    generator = fresh_generator()
    student, teacher = (random_units(6, 5, generator) for _ in range(2))
    teacher[3] = student[3]
    loss = feature_regression_loss(student, teacher, form)
    expected = naive_loss(student, teacher, form)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ('cosine', 'form', 'expected'),
    [
        (0, 'fro', 22.627417),
        (-1, 'fro', 32),
        (0, 'mse', 2 / 16),
        (-1, 'mse', 4 / 16),
        (0, 'l2_per_sample', math.sqrt(2)),
        (-1, 'l2_per_sample', 2),
        (1, 'fro', 1e-6),
        (1, 'mse', 0),
        (1, 'l2_per_sample', 1e-6),
    ],
)
def test_analytic_values(cosine, form, expected):
    generator = fresh_generator()
    student = random_units(256, 16, generator, torch.float32)
    teacher = cosine * student
    if cosine == 0:
        # Swapped neighbours with one sign turned are orthogonal.
        teacher = student.unflatten(1, (8, 2)).flip(2)
        teacher = (teacher * torch.tensor([1, -1])).flatten(1)
    loss = feature_regression_loss(student, teacher, form)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('size', [1, 1e-3])
def test_the_gradient_of_the_norm_has_length_one(size):
    generator = fresh_generator()
    teacher = random_units(8, 5, generator)
    student = teacher + size * random_units(8, 5, generator)
    student.requires_grad_()
    feature_regression_loss(student, teacher).backward()
    assert float(student.grad.norm()) == pytest.approx(1, rel=1e-5)


def test_wrong_arguments_are_told():
    with pytest.raises(ValueError, match='"fro", "mse"'):
        feature_regression_loss(*torch.ones(2, 3, 4), form='l1')
    with pytest.raises(ValueError, match=r'\(3, 1\)'):
        feature_regression_loss(torch.ones(3, 4), torch.ones(3, 1))
