"""SP: a loop, the analytic value, invariances."""

import math

import pytest
import torch

from cds_mm.losses import similarity_preserving_loss
from cds_mm.testing import fresh_generator


def naive_similarities(maps):
    rows = maps.flatten(1).tolist()
    table = []
    for a in rows:
        line = [sum(x * y for x, y in zip(a, b, strict=True)) for b in rows]
        length = math.sqrt(sum(g * g for g in line))
        table.append([g / length for g in line])
    return table


def naive_loss(student, teacher):
    student, teacher = naive_similarities(student), naive_similarities(teacher)
    size = range(len(student))
    total = sum(
        (teacher[i][j] - student[i][j]) ** 2 for i in size for j in size
    )
    return total / len(student) ** 2


def maps(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_equals_the_double_loop():
    generator = fresh_generator()
    student, teacher = maps(generator, 5, 3, 2, 2), maps(generator, 5, 4, 3, 3)
    loss = similarity_preserving_loss(student, teacher)
    expected = naive_loss(student, teacher)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_distinct_against_collapsed():
    student, teacher = torch.eye(2), torch.ones(2, 2)
    loss = similarity_preserving_loss(student, teacher)
    assert float(loss) == pytest.approx(1 - 1 / math.sqrt(2), abs=1e-6)
    assert float(loss) == pytest.approx(0.292893, abs=1e-5)


def test_rotated_channels_and_scale():
    generator = fresh_generator()
    student, teacher = maps(generator, 5, 4, 2, 2), maps(generator, 5, 3, 2, 2)
    rotation, _ = torch.linalg.qr(maps(generator, 4, 4))
    rotated = torch.einsum('bchw,cd->bdhw', student, rotation)
    loss = float(similarity_preserving_loss(student, teacher))
    for same in (
        similarity_preserving_loss(rotated, teacher),
        similarity_preserving_loss(-1e-2 * student, teacher),
        similarity_preserving_loss(1e100 * student, teacher),
        similarity_preserving_loss(student, 1e5 * teacher),
        similarity_preserving_loss(student.flip(0), teacher.flip(0)),
    ):
        assert float(same) == pytest.approx(loss, rel=1e-9)


def test_a_dead_row_does_not_disturb_the_others():
    generator = fresh_generator()
    student, teacher = maps(generator, 4, 6), maps(generator, 4, 6)
    student[3] = teacher[3] = 0
    loss = similarity_preserving_loss(student, teacher)
    expected = naive_loss(student[:3], teacher[:3]) * 9 / 16
    assert float(loss) == pytest.approx(expected, rel=1e-9)
