"""SSKD: selected rows and similarities against loops and analytic values."""

import math

import pytest
import torch
import torch.nn.functional as F
from references import cosine, selection

from cds_mm.losses import (
    rotated_similarity,
    select_rows,
    softened_divergence,
    unit_rows,
)
from cds_mm.testing import fresh_generator, random_units


@pytest.mark.parametrize('ratio', [0, 0.29, 0.5, 0.75, 1.0])
def test_equals_the_sort(ratio):
    generator = fresh_generator()
    # Few different values, so that many logits and ranks are equal.
    logits = torch.randint(0, 4, (50, 6), generator=generator).float()
    targets = torch.randint(0, 6, (50,), generator=generator)
    kept = select_rows(logits, targets, ratio)
    assert kept.dtype == torch.bool
    assert kept.tolist() == selection(logits, targets, ratio)


def test_ranks_0_3_1_0():
    logits = torch.tensor([[4.0, 3, 2, 1]]).repeat(4, 1)
    kept = select_rows(logits, torch.tensor([0, 3, 1, 0]), 0.5)
    assert kept.nonzero().flatten().tolist() == [0, 2, 3]


def test_equal_ranks_keep_the_earlier_row():
    logits = torch.tensor([[1.0, 0]]).repeat(5, 1)
    kept = select_rows(logits, torch.tensor([1, 1, 0, 1, 1]), 0.5)
    assert kept.tolist() == [True, True, True, False, False]
    kept = select_rows(logits[:1], torch.tensor([1]), 0.75)
    assert kept.tolist() == [False]


def test_the_share_is_that_of_python():
    # 0.29 * 100 is 28.999999999999996.
    logits = torch.tensor([[1.0, 0]]).repeat(100, 1)
    kept = select_rows(logits, torch.ones(100, dtype=torch.int64), 0.29)
    assert int(kept.sum()) == int(0.29 * 100) == 28


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_selection_needs_no_gradient(dtype):
    logits = torch.randn(6, 4, generator=fresh_generator()).to(dtype)
    targets = torch.tensor([0, 1, 2, 3, 0, 1])
    kept = select_rows(logits.requires_grad_(), targets, 0.75)
    assert not kept.requires_grad


@pytest.mark.parametrize('rotations', [2, 4])
def test_similarity_equals_the_double_loop(rotations):
    generator = fresh_generator()
    shape = (rotations, 3, 5)
    views = torch.randn(shape, generator=generator, dtype=torch.float64)
    table = rotated_similarity(views.flatten(0, 1), rotations)
    assert table.shape == ((rotations - 1) * 3, 3)
    for r in range(1, rotations):
        for i in range(3):
            for j in range(3):
                wanted = float(cosine(views[r, i], views[0, j]))
                entry = float(table[(r - 1) * 3 + i, j])
                assert entry == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize('images', [2, 64])
def test_cross_entropy_of_the_source(images):
    source = torch.arange(images).repeat(3)
    same = rotated_similarity(torch.ones(4 * images, 7))
    loss = F.cross_entropy(same, source)
    assert float(loss) == pytest.approx(math.log(images), abs=1e-5)
    perfect = rotated_similarity(3 * torch.eye(images).repeat(4, 1))
    loss = F.cross_entropy(perfect, source)
    expected = {2: 0.313262, 64: 3.185377}[images]
    assert float(loss) == pytest.approx(expected, abs=1e-5)
    assert select_rows(perfect, source, 0).all()


def test_a_student_like_its_teacher_has_nothing_to_learn():
    generator = fresh_generator()
    table = rotated_similarity(random_units(12, 5, generator))
    kept = select_rows(table, torch.arange(3).repeat(3), 0.75)
    assert kept.any()
    loss = softened_divergence(table[kept], table[kept], 0.5)
    assert float(loss) == pytest.approx(0, abs=1e-12)


def test_rotation_and_scale_do_not_matter():
    generator = fresh_generator()
    rows = torch.randn(8, 4, generator=generator, dtype=torch.float64)
    noise = torch.randn(4, 4, generator=generator, dtype=torch.float64)
    rotation, _ = torch.linalg.qr(noise)
    table = rotated_similarity(rows)
    lengths = torch.arange(1, 9).unsqueeze(1)
    torch.testing.assert_close(rotated_similarity(rows * lengths), table)
    torch.testing.assert_close(rotated_similarity(rows @ rotation), table)


def test_finite_differences():
    generator = fresh_generator()
    rows = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(rotated_similarity, rows.requires_grad_())


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_half_precision_autocast_and_dead_rows(dtype):
    rows = torch.randn(8, 64, generator=fresh_generator()).to(dtype)
    rows[0] = rows[5] = 0
    rows.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        table = rotated_similarity(rows)
    assert table.dtype == torch.float32
    plain = unit_rows(rows)
    torch.testing.assert_close(table, plain[2:] @ plain[:2].T)
    table.sum().backward()
    assert rows.grad.isfinite().all()


def test_wrong_number_of_rows_is_told():
    with pytest.raises(ValueError, match='7 rows'):
        rotated_similarity(torch.ones(7, 2))
