"""What all losses of a student and a teacher have in common."""

from functools import partial

import pytest
import torch

from cds_mm.losses import (
    attention_transfer_loss,
    correlation_congruence_loss,
    feature_regression_loss,
    relational_angle_loss,
    relational_distance_loss,
    similarity_preserving_loss,
)
from cds_mm.testing import fresh_generator

MAPS, ROWS = (6, 4, 3, 5), (6, 8)
LOSSES = {
    'at-code': (attention_transfer_loss, MAPS),
    'at-paper': (partial(attention_transfer_loss, mode='paper'), MAPS),
    'rkd-distance': (partial(relational_distance_loss, chunk=4), ROWS),
    'rkd-angle': (partial(relational_angle_loss, chunk=4), ROWS),
    'sp': (similarity_preserving_loss, MAPS),
    'cc-rd': (correlation_congruence_loss, ROWS),
    'cc-gaussian': (
        partial(correlation_congruence_loss, mode='gaussian'),
        ROWS,
    ),
    'cc-bilinear': (
        partial(correlation_congruence_loss, mode='bilinear'),
        ROWS,
    ),
    'cc-root': (
        partial(correlation_congruence_loss, mode='bilinear', squared=False),
        ROWS,
    ),
    'fro': (feature_regression_loss, ROWS),
    'mse': (partial(feature_regression_loss, form='mse'), ROWS),
    'l2': (partial(feature_regression_loss, form='l2_per_sample'), ROWS),
}
# The layers that embed the two sides are both trained.
BOTH_TRAINED = {name for name in LOSSES if name.startswith('cc')}
# Their gradient grows with the residual.
UNBOUNDED = {'mse', 'cc-rd', 'cc-bilinear', 'cc-root'}


@pytest.fixture(params=LOSSES)
def name(request):
    return request.param


def pair(shape, dtype=torch.float64):
    generator = fresh_generator()
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for _ in range(2)
    ]


def test_who_gets_a_gradient(name):
    loss, shape = LOSSES[name]
    student, teacher = (side.requires_grad_() for side in pair(shape))
    loss(student, teacher).backward()
    assert student.grad.abs().sum() > 0
    assert (teacher.grad is not None) == (name in BOTH_TRAINED)


def test_finite_differences(name):
    loss, shape = LOSSES[name]
    student, apart = pair((4, *(min(side, 3) for side in shape[1:])))
    # 'cc-rd' has a kink where the sides are equal: keep away from it.
    teacher = student + apart + 0.1 * apart.sign()
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, teacher), (student,))


def test_zero_where_they_agree(name):
    loss, shape = LOSSES[name]
    student, _ = pair(shape, torch.float32)
    student.requires_grad_()
    value = loss(student, student.detach().clone())
    assert float(value.detach()) == pytest.approx(0, abs=1e-5)
    value.backward()
    assert student.grad.abs().max() < 1e-4


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_autocast_changes_nothing(name, dtype):
    loss, shape = LOSSES[name]
    student, teacher = pair(shape, dtype)
    plain = loss(student, teacher)
    with torch.autocast('cpu', torch.bfloat16):
        cast = loss(student, teacher)
    assert plain.dtype == cast.dtype == dtype
    assert float(plain) == float(cast)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float(name, dtype):
    loss, shape = LOSSES[name]
    student, teacher = pair(shape, dtype)
    value = loss(student, teacher)
    assert value.dtype == torch.float32
    assert float(value) == float(loss(student.float(), teacher.float()))
    # A teacher of another dtype, as when it alone runs under autocast.
    assert loss(student.double(), teacher).dtype == torch.float64
    assert loss(student.float(), teacher).dtype == torch.float32


def degenerate(kind, shape):
    rows = pair(shape, torch.float32)[0]
    if kind == 'zero':
        rows[:] = 0
    elif kind == 'zero row':
        rows[0] = 0
    elif kind == 'equal':
        rows[:] = rows[0].clone()
    elif kind == 'nearly equal':
        rows[:] = rows[0] + rows * 1e-7
    elif kind == 'tiny':
        rows *= 1e-30
    elif kind == 'huge':
        rows *= 1e8
    return rows


KINDS = ['zero', 'zero row', 'equal', 'nearly equal', 'tiny', 'huge', 'any']


@pytest.mark.parametrize('teacher_kind', ['zero', 'equal', 'any'])
@pytest.mark.parametrize('kind', KINDS)
def test_degenerate_inputs(name, kind, teacher_kind):
    loss, shape = LOSSES[name]
    student = degenerate(kind, shape).requires_grad_()
    value = loss(student, degenerate(teacher_kind, shape))
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    if kind != 'huge' or name not in UNBOUNDED:
        # 1 / (shortest distance) is the steepest of them.
        assert student.grad.abs().max() <= 1e6


def test_one_row(name):
    loss, shape = LOSSES[name]
    student, teacher = pair((1, *shape[1:]))
    value = loss(student.requires_grad_(), teacher)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    if name in ('rkd-distance', 'rkd-angle', 'cc-rd'):
        assert float(value.detach()) == 0


def test_rows_must_be_pairs(name):
    loss, shape = LOSSES[name]
    student, teacher = pair(shape)
    with pytest.raises(ValueError, match='student and teacher'):
        loss(student, teacher[:1])
