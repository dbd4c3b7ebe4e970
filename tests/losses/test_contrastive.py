"""The contrastive loss against a double loop and the analytic values."""

import math

import pytest
import torch
import torch.nn.functional as F
from references import contrast

from cds_mm.losses import (
    contrastive_loss,
    poster_contrastive_loss,
    relate,
    unit_rows,
)
from cds_mm.losses.normalize import FLOAT16_NORM_FLOOR
from cds_mm.testing import (
    fresh_generator,
    fresh_seed,
    random_units,
    run_ranks,
)


@pytest.mark.parametrize('num_views', [1, 2, 3])
@pytest.mark.parametrize('temperature', [0.07, 0.5, 1.0])
def test_equals_the_double_loop(num_views, temperature):
    generator = fresh_generator()
    ids = torch.randint(0, 5, (9,), generator=generator)
    z = random_units(num_views * 9, 6, generator)
    for base in (None, 0.07):
        loss = contrastive_loss(z, ids, temperature, base)
        assert loss.dtype == torch.float64
        expected = contrast(z, ids, temperature, base)
        assert float(loss) == pytest.approx(float(expected), rel=1e-9)


# Two images, both views of image j equal to the basis vector e_j.
@pytest.mark.parametrize(
    ('labels', 'temperature', 'base', 'expected'),
    [
        ([0, 1], 1.0, None, 0.551445),
        ([0, 1], 0.5, None, 0.239545),
        ([0, 1], 0.5, 0.07, 1.711034),
        ([0, 1], 0.07, None, 1.249749e-6),
        ([0, 0], 1.0, None, 1.218111),
        ([0, 0], 0.07, None, 9.523811),
    ],
)
def test_analytic_values(labels, temperature, base, expected):
    z = torch.eye(4, dtype=torch.float64)[[0, 1, 0, 1]]
    loss = contrastive_loss(z, torch.tensor(labels), temperature, base)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_collapsed_is_the_log_of_the_others():
    generator = fresh_generator()
    labels = torch.randint(0, 100, (128,), generator=generator)
    z = random_units(1, 16, generator, torch.float32).repeat(256, 1)
    loss = contrastive_loss(z, labels)
    assert float(loss) == pytest.approx(math.log(255), abs=1e-5)


def test_poster_formula():
    z = torch.eye(4, dtype=torch.float64)[[0, 1, 0, 1]]
    ids = torch.tensor([0, 1])
    total = poster_contrastive_loss(z, ids, 'sum')
    assert float(total) == pytest.approx(1.102889, abs=1e-6)
    assert float(poster_contrastive_loss(z, ids)) == pytest.approx(
        1.102889 / 2, abs=1e-6
    )
    same = torch.ones(256, 1)
    total = poster_contrastive_loss(same, torch.arange(128), 'sum')
    assert float(total) == pytest.approx(128 * math.log(255), rel=1e-5)
    with pytest.raises(ValueError, match='two views'):
        poster_contrastive_loss(same[:3], torch.arange(3))


def test_invariances():
    generator = fresh_generator()
    labels = torch.randint(0, 3, (8,), generator=generator)
    z = random_units(16, 5, generator)
    loss = contrastive_loss(z, labels)
    order = torch.randperm(8, generator=generator)
    permuted = z.view(2, 8, 5)[:, order].reshape(16, 5)
    rotation, _ = torch.linalg.qr(
        torch.randn(5, 5, generator=generator, dtype=torch.float64)
    )
    for same in (
        contrastive_loss(permuted, labels[order]),
        contrastive_loss(z.view(2, 8, 5).flip(0).reshape(16, 5), labels),
        contrastive_loss(z @ rotation, labels),
        contrastive_loss(z, labels * 7 - 100),
    ):
        assert float(same) == pytest.approx(float(loss), rel=1e-9)


def test_unique_labels_are_instances():
    generator = fresh_generator()
    z = random_units(12, 5, generator)
    unique = torch.randperm(1000, generator=generator)[:6]
    by_label = contrastive_loss(z, unique)
    by_instance = contrastive_loss(z, -1 - torch.arange(6))
    assert float(by_label) == pytest.approx(float(by_instance), rel=1e-12)


def test_finite_differences():
    generator = fresh_generator()
    raw = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    raw.requires_grad_()
    labels = torch.tensor([0, 1, 0, 2])
    assert torch.autograd.gradcheck(
        lambda v: contrastive_loss(unit_rows(v), labels, 0.3), (raw,)
    )
    assert torch.autograd.gradcheck(
        lambda v: poster_contrastive_loss(unit_rows(v), labels), (raw,)
    )


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('num_views', [1, 2])
@pytest.mark.parametrize(
    ('rows', 'labels'),
    [
        ('zero', [0, 1, 1, 2]),
        ('equal', [0, 0, 0, 0]),
        ('random', [0, 1, 2, 3]),
        ('huge', [0, 1, 1, 2]),
        ('random', [5]),
    ],
)
def test_finite_with_bounded_gradient(rows, labels, num_views, dtype):
    generator = fresh_generator()
    vectors = torch.randn(num_views * len(labels), 8, generator=generator)
    if rows == 'zero':
        vectors[0] = 0
    elif rows == 'equal':
        vectors[:] = 1
    elif rows == 'huge':
        vectors *= 1e18
    vectors = vectors.to(dtype).requires_grad_()
    with torch.autocast('cpu', torch.bfloat16):
        loss = contrastive_loss(unit_rows(vectors), torch.tensor(labels))
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
    # 2 / temperature bounds the gradient at z, 1 / floor that of z.
    assert vectors.grad.isfinite().all()
    assert vectors.grad.abs().max() <= 2 / 0.07 / 1e-4


def test_autocast_changes_nothing():
    generator = fresh_generator()
    z = random_units(32, 64, generator, torch.float32)
    labels = torch.randint(0, 4, (16,), generator=generator)
    plain = contrastive_loss(z, labels)
    with torch.autocast('cpu', torch.bfloat16):
        cast = contrastive_loss(z, labels)
    assert float(plain) == float(cast)


def lacking(labels, num_views, gather=False):
    found = relate(labels, num_views, gather)
    return [float(found.without_positive), float(found.without_partner)]


def test_anchors_without_positive_are_left_out():
    generator = fresh_generator()
    z = random_units(5, 4, generator)
    labels = torch.tensor([0, 0, 1, 2, 3])
    loss = contrastive_loss(z, labels)
    assert float(loss) == pytest.approx(float(contrast(z, labels, 0.07)))
    assert lacking(labels, 1) == pytest.approx([3 / 5, 3 / 5])
    assert lacking(labels, 2) == pytest.approx([0, 3 / 5])
    assert lacking(torch.tensor([4, 4]), 2) == [0, 0]
    nobody = contrastive_loss(z.clone().requires_grad_(), torch.arange(5))
    assert float(nobody) == 0
    nobody.backward()


def test_wrong_shapes_are_told():
    with pytest.raises(ValueError, match=r'\(7, 2\)'):
        contrastive_loss(torch.ones(7, 2), torch.arange(2))


# Uneven batches, uneven labels: rank 0 has 3 images, rank 1 has 5.
SPLIT = (3, 5)


def _rank_gradient(rank, vectors, labels, weights):
    start = sum(SPLIT[:rank])
    own = slice(start, start + SPLIT[rank])
    weights = weights.clone().requires_grad_()
    rows = vectors[:, own].flatten(0, 1) @ weights
    loss = contrastive_loss(unit_rows(rows), labels[own], gather=True)
    loss.backward()
    shares = lacking(labels[own], 2, gather=True)
    return loss.detach(), weights.grad, shares


def test_two_ranks_have_the_gradient_of_one_process():
    generator = fresh_generator()
    vectors = torch.randn(2, 8, 6, generator=generator, dtype=torch.float64)
    weights = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 0, 3])
    ranks = run_ranks(2, _rank_gradient, vectors, labels, weights)
    weights.requires_grad_()
    rows = unit_rows(vectors.flatten(0, 1) @ weights)
    whole = contrastive_loss(rows, labels)
    whole.backward()
    # What DistributedDataParallel does: the mean over ranks.
    mean_loss = (ranks[0][0] + ranks[1][0]) / 2
    mean_grad = (ranks[0][1] + ranks[1][1]) / 2
    torch.testing.assert_close(mean_loss, whole.detach())
    torch.testing.assert_close(mean_grad, weights.grad)
    # Labels 2 and 3 occur once; 1 has a partner on the other rank alone.
    assert ranks[0][2] == pytest.approx([0, 0])
    assert ranks[1][2] == pytest.approx([0, 2 / 5])
    # The local loss is another function: the test can tell them apart.
    rows = unit_rows(vectors.flatten(0, 1) @ weights)
    local = contrastive_loss(rows[[0, 1, 2, 8, 9, 10]], labels[:3])
    # All 24 numbers; the losses alone may be close by chance.
    (gradient,) = torch.autograd.grad(local, weights)
    assert (gradient - weights.grad).abs().max() > 1e-3


@pytest.mark.parametrize('temperature', [0.02, 0.07, 0.5])
@pytest.mark.parametrize('size', [0.0, 1e-7, 1e-5, 1e-3])
def test_rows_near_zero_in_half_precision(size, temperature):
    """Finite, and the gradient of float64 wherever float16 can hold that."""
    generator = torch.Generator().manual_seed(fresh_seed())
    dead, other = torch.randn(2, 3, generator=generator, dtype=torch.float64)
    # Its positive on one side and its negative on the other pull alike.
    rows = torch.stack([dead * size, other, -other])
    ids = torch.tensor([0, 0, 1])
    given = rows.half().requires_grad_()
    same = given.detach().double().requires_grad_()
    loss = contrastive_loss(unit_rows(given), ids, temperature)
    exact = contrastive_loss(
        unit_rows(same, FLOAT16_NORM_FLOOR), ids, temperature
    )
    (half,) = torch.autograd.grad(loss, given)
    (double,) = torch.autograd.grad(exact, same)
    assert half.dtype == torch.float16 and half.isfinite().all()
    assert double.abs().max() < torch.finfo(torch.float16).max
    # What float32 keeps of similarities of 1 / temperature that cancel.
    rounding = 1e-6 / temperature
    assert torch.allclose(loss.double(), exact, rtol=1e-5, atol=rounding)
    rounding /= FLOAT16_NORM_FLOOR
    assert torch.allclose(half.double(), double, rtol=2e-3, atol=rounding)


def test_other_precisions_keep_their_floor():
    row = torch.full((1, 4), 1e-3)
    assert torch.equal(unit_rows(row), F.normalize(row, dim=1))
    assert torch.equal(
        unit_rows(row.bfloat16()), F.normalize(row.bfloat16().float(), dim=1)
    )
    halves = unit_rows(row.half())
    assert torch.equal(halves, row.half().float() / FLOAT16_NORM_FLOOR)
