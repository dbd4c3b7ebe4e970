"""CC: loops, the analytic values, invariances."""

import math

import pytest
import torch
from references import dot

from cds_mm.losses import correlation_congruence_loss, unit_rows
from cds_mm.losses.cc import gaussian_kernel
from cds_mm.testing import fresh_generator


def naive_kernel(rows, mode, gamma, order):
    rows = rows.tolist()
    table = {}
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            if mode == 'bilinear':
                table[i, j] = dot(a, b)
                continue
            cosine = dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))
            table[i, j] = math.exp(-2 * gamma) * sum(
                (2 * gamma * cosine) ** p / math.factorial(p)
                for p in range(order + 1)
            )
    return table


def naive_loss(student, teacher, mode, gamma, order):
    if mode == 'rd':
        apart = (student - teacher).abs().tolist()
        terms = [dot(apart[b], apart[b + 1]) for b in range(len(apart) - 1)]
        return sum(terms) / len(terms)
    student = naive_kernel(student, mode, gamma, order)
    teacher = naive_kernel(teacher, mode, gamma, order)
    squares = [(student[key] - teacher[key]) ** 2 for key in student]
    return sum(squares) / len(squares)


def inputs(generator, *shapes):
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    ]


@pytest.mark.parametrize('mode', ['rd', 'gaussian', 'bilinear'])
@pytest.mark.parametrize(('gamma', 'order'), [(0.4, 2), (1.5, 0), (0.1, 5)])
def test_equals_the_double_loop(mode, gamma, order):
    width = 4 if mode == 'rd' else 7
    student, teacher = inputs(fresh_generator(), (5, 4), (5, width))
    expected = naive_loss(student, teacher, mode, gamma, order)
    loss = correlation_congruence_loss(student, teacher, mode, gamma, order)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_one_apart_everywhere_is_the_width():
    rows = torch.randint(-9, 9, (6, 128), generator=fresh_generator()).float()
    loss = correlation_congruence_loss(rows + 1, rows)
    assert float(loss) == pytest.approx(128, abs=1e-5)


def test_kernel_values():
    rows = torch.tensor([[3.0, 0.0], [2.0, 0.0], [0.0, 0.5]])
    kernel = gaussian_kernel(rows, 0.4, 2)
    assert float(kernel[0, 1]) == pytest.approx(0.952577, abs=1e-6)
    assert float(kernel[0, 2]) == pytest.approx(0.449329, abs=1e-6)
    same, distinct = torch.ones(2, 2), torch.eye(2)
    loss = correlation_congruence_loss(same, distinct, 'gaussian')
    expected = (0.952577 - 0.449329) ** 2 / 2
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_long_series_is_the_gaussian():
    rows = unit_rows(inputs(fresh_generator(), (5, 3))[0])
    kernel = gaussian_kernel(rows, 0.7, 20)
    expected = torch.exp(-0.7 * torch.cdist(rows, rows) ** 2)
    torch.testing.assert_close(kernel, expected)


def test_bilinear_of_nothing_against_the_identity():
    sides = torch.zeros(2, 2), torch.eye(2)
    squared = correlation_congruence_loss(*sides, 'bilinear')
    assert float(squared) == pytest.approx(0.5, abs=1e-6)
    root = correlation_congruence_loss(*sides, 'bilinear', squared=False)
    assert float(root) == pytest.approx(0.353553, abs=1e-6)


def test_invariances():
    generator = fresh_generator()
    student, teacher, noise = inputs(generator, (5, 4), (5, 4), (4, 4))
    rotation, _ = torch.linalg.qr(noise)
    order = torch.randperm(5, generator=generator)
    for mode in ('gaussian', 'bilinear'):
        loss = float(correlation_congruence_loss(student, teacher, mode))
        for same in (
            correlation_congruence_loss(student @ rotation, teacher, mode),
            correlation_congruence_loss(student[order], teacher[order], mode),
        ):
            assert float(same) == pytest.approx(loss, rel=1e-9)
    scaled = correlation_congruence_loss(student * 7, teacher, 'gaussian')
    loss = correlation_congruence_loss(student, teacher, 'gaussian')
    assert float(scaled) == pytest.approx(float(loss), rel=1e-9)
    # The code's form is of the residual alone, and of its order.
    shifted = correlation_congruence_loss(
        student + noise[0], teacher + noise[0]
    )
    loss = correlation_congruence_loss(student, teacher)
    assert float(shifted) == pytest.approx(float(loss), rel=1e-9)
    swapped = [1, 0, 2, 3, 4]
    other = correlation_congruence_loss(student[swapped], teacher[swapped])
    assert abs(float(other) - float(loss)) > 1e-9


@pytest.mark.parametrize('mode', ['rd', 'gaussian', 'bilinear'])
def test_finite_differences_of_the_teachers_side(mode):
    student, apart = inputs(fresh_generator(), (4, 3), (4, 3))
    # 'rd' has a kink where the sides are equal: keep away from it.
    teacher = student + apart + 0.1 * apart.sign()
    teacher.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: correlation_congruence_loss(student, x, mode), (teacher,)
    )


def test_unknown_mode_is_told():
    with pytest.raises(ValueError, match='rd, gaussian, bilinear'):
        correlation_congruence_loss(*torch.ones(2, 3, 4), mode='rbf')
