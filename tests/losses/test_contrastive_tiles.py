"""The contrastive loss in many tiles: exact, small, and little travels."""

import pytest
import torch
from references import contrast
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cds_mm.losses import (
    contrastive_loss,
    log_sum_exp,
    poster_contrastive_loss,
)
from cds_mm.testing import fresh_generator, random_units, run_ranks

# One row a tile, 4 rows and a rest, all rows at once; of 18 columns.
TILES = [1, 4 * 18 + 3, 2**22]


class Sizes(TorchDispatchMode):
    """Elements of the largest tensor made, and of what a rank sent."""

    def __init__(self):
        super().__init__()
        self.largest = 0
        self.sent = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        self.largest = max([self.largest, *_elements(made)])
        if function.namespace == 'c10d':
            # Of what one rank has and of what all have, the smaller.
            self.sent.append((function._opname, min(_elements(args))))
        return made


def _elements(tree):
    return [
        leaf.numel()
        for leaf in tree_leaves(tree)
        if isinstance(leaf, torch.Tensor)
    ]


def value_and_gradient(function, z, *args, **kwargs):
    z = z.detach().clone().requires_grad_()
    value = function(z, *args, **kwargs)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient


def assert_equal(pair, wanted, tolerance):
    for found, truth in zip(pair, wanted, strict=True):
        # The gradient is a sum of terms of 1 / temperature: absolute, too.
        torch.testing.assert_close(
            found, truth.to(found.dtype), rtol=tolerance, atol=tolerance
        )


def random_case(generator, num_views=2):
    """18 rows, one of them zero, and an image without a partner."""
    z = random_units(18, 6, generator)
    z[torch.randint(18, (), generator=generator)] = 0
    images = 18 // num_views
    ids = torch.randint(4, (images,), generator=generator)
    ids[torch.randint(images, (), generator=generator)] = 7
    return z, ids


@pytest.mark.parametrize('tile', TILES)
@pytest.mark.parametrize('num_views', [1, 2])
def test_any_tiles_have_the_value_and_gradient_of_the_double_loop(
    tile, num_views, monkeypatch
):
    monkeypatch.setattr(log_sum_exp, 'TILE', tile)
    z, ids = random_case(fresh_generator(), num_views)
    for options in ((0.07,), (0.5, 0.07)):
        wanted = value_and_gradient(contrast, z, ids, *options)
        found = value_and_gradient(contrastive_loss, z, ids, *options)
        assert_equal(found, wanted, 1e-12)
        single = value_and_gradient(contrastive_loss, z.float(), ids, *options)
        assert single[1].dtype == torch.float32
        assert_equal(single, wanted, 1e-4)


def naive_poster(z, ids):
    total = 0
    for a in range(len(ids)):
        others = [(z[a] @ z[k]).exp() for k in range(len(z)) if k != a]
        total += sum(others).log() - z[a] @ z[a + len(ids)]
    return total / len(ids)


@pytest.mark.parametrize('tile', TILES)
def test_the_poster_formula_in_any_tiles(tile, monkeypatch):
    monkeypatch.setattr(log_sum_exp, 'TILE', tile)
    z, ids = random_case(fresh_generator())
    wanted = value_and_gradient(naive_poster, z, ids)
    found = value_and_gradient(poster_contrastive_loss, z, ids)
    assert_equal(found, wanted, 1e-12)


@pytest.mark.parametrize('first', [30, -30])
def test_all_logits_of_an_anchor_may_be_far_from_zero(first, monkeypatch):
    """The exponential of any of them alone would be infinite, or zero."""
    monkeypatch.setattr(log_sum_exp, 'TILE', 100)
    z = 30 + torch.rand(12, 1, generator=fresh_generator()).double()
    z[0] = first
    found = value_and_gradient(contrastive_loss, z, torch.arange(6))

    def stable(z):
        logits = z @ z.T / 0.07
        logits = logits - torch.diag(torch.full((12,), torch.inf))
        positives = (z * z.roll(6, 0)).sum(1) / 0.07
        return (logits.logsumexp(1) - positives).mean()

    assert_equal(found, value_and_gradient(stable, z), 1e-9)


def test_the_gradient_is_scaled_and_may_be_asked_for_again():
    z, ids = random_case(fresh_generator())
    _, wanted = value_and_gradient(contrastive_loss, z, ids)
    z.requires_grad_()
    loss = contrastive_loss(z, ids)
    for scale in (3, -0.5):
        (found,) = torch.autograd.grad(scale * loss, z, retain_graph=True)
        torch.testing.assert_close(found, scale * wanted)


def test_no_gradient_is_made_where_none_is_asked_for(monkeypatch):
    asked = []

    def spy(pool, gradient, *args, **kwargs):
        asked.append(gradient is not None)
        return pool.sum()

    monkeypatch.setattr('cds_mm.losses.contrastive.sum_of_log_sum_exp', spy)
    z, ids = random_case(fresh_generator())
    contrastive_loss(z, ids)
    z.requires_grad_()
    with torch.no_grad():
        contrastive_loss(z, ids)
    contrastive_loss(z, ids)
    assert asked == [False, False, True]


@pytest.mark.parametrize(
    'function', [contrastive_loss, poster_contrastive_loss]
)
@pytest.mark.parametrize('classes', [10, 10**9])
def test_no_tensor_is_larger_than_the_rows_or_a_tile(
    function, classes, monkeypatch
):
    monkeypatch.setattr(log_sum_exp, 'TILE', 1000)
    generator = fresh_generator()
    for rows in (128, 256):
        z = random_units(rows, 16, generator).requires_grad_()
        ids = torch.randint(classes, (rows // 2,), generator=generator)
        with Sizes() as sizes:
            function(z, ids).backward()
        assert sizes.largest == rows * 16
    with Sizes() as sizes:
        (z @ z.T).logsumexp(1).sum().backward()
    assert sizes.largest == rows**2, 'the plain one is seen'


# Uneven: rank 0 has 3 images, rank 1 has 6.
SPLIT = (3, 6)


def _on_rank(rank, z, ids):
    own = slice(sum(SPLIT[:rank]), sum(SPLIT[: rank + 1]))
    rows = z.unflatten(0, (2, -1))[:, own].flatten(0, 1).requires_grad_()
    results = []
    for log_sum_exp.TILE in TILES:
        with Sizes() as sizes:
            loss = contrastive_loss(rows, ids[own], gather=True)
            (gradient,) = torch.autograd.grad(loss, rows)
        results.append((loss.detach(), gradient, sizes.sent))
    return results


def test_two_ranks_are_exact_in_any_tiles_and_send_rows_alone():
    z, ids = random_case(fresh_generator())
    value, gradient = value_and_gradient(contrast, z, ids, 0.07)
    gradient = gradient.unflatten(0, (2, -1)).split(SPLIT, dim=1)
    ranks = run_ranks(2, _on_rank, z, ids)
    for results in zip(*ranks, strict=True):
        mean = torch.stack([loss for loss, _, _ in results]).mean()
        assert_equal([mean], [value], 1e-12)
        for (_, found, sent), wanted in zip(results, gradient, strict=True):
            # DistributedDataParallel takes the mean of the two.
            assert_equal([found / 2], [wanted.flatten(0, 1)], 1e-12)
            longest = 2 * max(SPLIT)
            assert sent == [
                ('_allgather_base_', 1),  # how many rows
                ('_allgather_base_', longest),  # their ids
                ('allreduce_', 1),  # how many anchors
                ('_allgather_base_', longest * 6),  # the rows
                ('_reduce_scatter_base_', longest * 6),  # their gradient
            ]
