"""AT: a loop, the analytic values, invariances."""

import math

import pytest
import torch
import torch.nn.functional as F

from cds_mm.losses import attention_transfer_loss
from cds_mm.testing import fresh_generator


def maps(generator, *shape):
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def naive_attention(image):
    """Q of one (C, H, W), row by row, in Python floats."""
    channels, height, width = image.shape
    energy = [
        sum(float(image[c, y, x]) ** 2 for c in range(channels)) / channels
        for y in range(height)
        for x in range(width)
    ]
    length = math.sqrt(sum(e * e for e in energy))
    return [e / length for e in energy]


def naive_loss(student, teacher, mode):
    total = 0.0
    for s, t in zip(student, teacher, strict=True):
        squares = [
            (a - b) ** 2
            for a, b in zip(
                naive_attention(s), naive_attention(t), strict=True
            )
        ]
        if mode == 'code':
            total += sum(squares) / len(squares)
        else:
            total += math.sqrt(sum(squares))
    return total / len(student)


@pytest.mark.parametrize('mode', ['code', 'paper'])
def test_equals_the_loop(mode):
    generator = fresh_generator()
    student, teacher = maps(generator, 5, 3, 4, 2), maps(generator, 5, 6, 4, 2)
    loss = attention_transfer_loss(student, teacher, mode)
    expected = naive_loss(student, teacher, mode)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(('mode', 'expected'), [('code', 0.25), ('paper', 1)])
def test_one_pixel_against_all(mode, expected):
    student = torch.zeros(2, 3, 2, 2)
    student[:, 1, 0, 1] = -4
    loss = attention_transfer_loss(student, torch.full((2, 7, 2, 2), 3), mode)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize('mode', ['code', 'paper'])
def test_the_scale_does_not_matter(mode):
    generator = fresh_generator()
    student, teacher = maps(generator, 4, 3, 5, 5), maps(generator, 4, 2, 5, 5)
    loss = float(attention_transfer_loss(student, teacher, mode))
    for scale in (-1, 1e-2, 1e150):
        each = torch.tensor([1, 2, 3, 4]).double().view(-1, 1, 1, 1) * scale
        scaled = attention_transfer_loss(student * each, teacher, mode)
        assert float(scaled) == pytest.approx(loss, rel=1e-9)
        scaled = attention_transfer_loss(student, teacher * each, mode)
        assert float(scaled) == pytest.approx(loss, rel=1e-9)


@pytest.mark.parametrize('mode', ['code', 'paper'])
def test_the_larger_is_pooled(mode):
    generator = fresh_generator()
    large, small = maps(generator, 4, 3, 6, 8), maps(generator, 4, 5, 3, 8)
    pooled = F.avg_pool2d(large, (2, 1))
    for student, teacher, expected in (
        (large, small, naive_loss(pooled, small, mode)),
        (small, large, naive_loss(small, pooled, mode)),
    ):
        loss = attention_transfer_loss(student, teacher, mode)
        assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_pooling_has_finite_differences():
    generator = fresh_generator()
    student = maps(generator, 2, 2, 4, 5).requires_grad_()
    teacher = maps(generator, 2, 3, 2, 3)
    assert torch.autograd.gradcheck(
        lambda x: attention_transfer_loss(x, teacher), (student,)
    )


def test_a_fading_map_keeps_its_gradient_bounded():
    teacher = torch.ones(1, 1, 2, 2)
    for size in (1, 1e-3, 1e-4, 1e-5, 1e-20, 0):
        student = torch.tensor([[[[1.0, 0], [0, 0]]]]) * size
        student.requires_grad_()
        attention_transfer_loss(student, teacher, 'paper').backward()
        assert student.grad.abs().max() <= 2 / 1e-4


def test_unknown_mode_is_told():
    with pytest.raises(ValueError, match='"code" or "paper"'):
        attention_transfer_loss(*torch.ones(2, 1, 1, 1, 1), mode='sum')
