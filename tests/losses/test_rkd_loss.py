"""RKD: relations of a batch against loops, analytic values, invariances."""

import math

import pytest
import torch

from cds_mm.losses import relational_angle_loss, relational_distance_loss
from cds_mm.testing import fresh_generator


def huber(x):
    return x * x / 2 if abs(x) < 1 else abs(x) - 0.5


def distance(a, b):
    squares = sum((x - y) ** 2 for x, y in zip(a, b, strict=True))
    return math.sqrt(max(squares, 1e-12))


def naive_distances(rows):
    rows = rows.tolist()
    table = {
        (i, j): 0.0 if i == j else distance(rows[i], rows[j])
        for i in range(len(rows))
        for j in range(len(rows))
    }
    positive = [d for d in table.values() if d > 0]
    mean = sum(positive) / len(positive)
    return {pair: d / mean for pair, d in table.items()}


def naive_angles(rows):
    rows = rows.tolist()

    def unit(i, j):
        if rows[i] == rows[j]:
            return [0.0] * len(rows[i])
        far = distance(rows[i], rows[j])
        return [(b - a) / far for a, b in zip(rows[i], rows[j], strict=True)]

    place = range(len(rows))
    return {
        (i, j, k): sum(
            a * b for a, b in zip(unit(i, j), unit(i, k), strict=True)
        )
        for i in place
        for j in place
        for k in place
    }


def naive_loss(relations, student, teacher):
    student, teacher = relations(student), relations(teacher)
    terms = [huber(student[key] - teacher[key]) for key in student]
    return sum(terms) / len(terms)


TERMS = [
    (relational_distance_loss, naive_distances),
    (relational_angle_loss, naive_angles),
]


def inputs(generator, *shapes):
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    ]


@pytest.mark.parametrize(('term', 'relations'), TERMS)
@pytest.mark.parametrize('chunk', [1, 3, 100])
def test_equals_the_loop(term, relations, chunk):
    student, teacher = inputs(fresh_generator(), (7, 3), (7, 5))
    # An outlier, beyond the quadratic part; two equal rows in each.
    student[2] *= 50
    student[5], teacher[4] = student[3], teacher[3]
    expected = naive_loss(relations, student, teacher)
    loss = term(student, teacher, chunk)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ('student', 'teacher', 'by_distance', 'by_angle', 'total'),
    [
        ([[0], [1], [3]], [[0], [1], [2]], 0.0138889, 0.0, 0.347222),
        (
            [[0, 0], [1, 0], [0, 1]],
            [[0, 0], [1, 0], [0.5, math.sqrt(0.75)]],
            0.0098124,
            0.0124365,
            0.867137,
        ),
    ],
)
def test_analytic_values(
    student, teacher, by_distance, by_angle, total, dtype
):
    sides = (torch.tensor(side, dtype=dtype) for side in (student, teacher))
    student, teacher = sides
    distances = float(relational_distance_loss(student, teacher))
    angles = float(relational_angle_loss(student, teacher))
    assert distances == pytest.approx(by_distance, abs=1e-7)
    assert angles == pytest.approx(by_angle, abs=1e-7)
    assert 25 * distances + 50 * angles == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize(('term', '_'), TERMS)
def test_scale_shift_rotation_and_order(term, _):
    generator = fresh_generator()
    student, teacher, noise = inputs(generator, (6, 4), (6, 4), (4, 4))
    rotation, _ = torch.linalg.qr(noise)
    order = torch.randperm(6, generator=generator)
    loss = float(term(student, teacher))
    for same in (
        term(3 * student + 2, teacher),
        term(student, 0.1 * teacher - 5),
        term(student @ rotation, teacher),
        term(student[order], teacher[order]),
    ):
        assert float(same) == pytest.approx(loss, rel=1e-9)
    assert float(term(3 * teacher + 2, teacher)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(('term', '_'), TERMS)
def test_chunks_have_the_gradient_of_the_whole(term, _):
    student, teacher = inputs(fresh_generator(), (7, 3), (7, 5))
    gradients = []
    for chunk in (2, 7):
        rows = student.clone().requires_grad_()
        term(rows, teacher, chunk).backward()
        gradients.append(rows.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(('term', '_'), TERMS)
def test_equal_rows_do_not_push_each_other(term, _):
    # Of the teacher's rows none are equal, so that there is a reason to.
    student, teacher = inputs(fresh_generator(), (5, 3), (5, 3))
    student = student.float()
    student[1] = student[0]
    student.requires_grad_()
    term(student, teacher).backward()
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() <= 1e4


def test_far_from_the_origin_nothing_cancels():
    generator = fresh_generator()
    student, teacher = inputs(generator, (6, 4), (6, 4))
    expected = float(relational_distance_loss(student, teacher))
    far = (student + 1000).float()
    loss = relational_distance_loss(far, teacher.float())
    assert float(loss) == pytest.approx(expected, rel=1e-2)
