"""The log-sum-exp of each anchor over a pool, in tiles of bounded size.

A scalar that is as long in the making as this one finds its gradient on the
way: while the similarities of a tile are there, their softmax times the pool
is the gradient at the anchors, and its transpose times the anchors that at
the pool.  So the backward pass only scales, nothing is computed twice, and
no more is kept than one gradient of the pool's size.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Elements of a tile, the largest thing beside the pool (16 MiB in float32).
TILE = 2**22


def with_gradient(
    function: Callable[[Tensor, Tensor | None], Tensor], pool: Tensor
) -> Tensor:
    """A scalar of the pool whose gradient is found in the forward pass.

    Args:
        function: takes the pool and zeros like it, returns the scalar, and
            adds the scalar's gradient to the zeros.  They are None where
            nobody asks for a gradient.
        pool: (M, D).

    Returns:
        Tensor: the scalar; it can be differentiated once.
    """
    wanted = torch.is_grad_enabled() and pool.requires_grad
    return _WithGradient.apply(pool, function, wanted)


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pool, function, wanted):
        gradient = torch.zeros_like(pool) if wanted else None
        value = function(pool, gradient)
        ctx.save_for_backward(gradient)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx, scale):
        (gradient,) = ctx.saved_tensors
        return scale * gradient, None, None


def sum_of_log_sum_exp(
    pool: Tensor,
    gradient: Tensor | None,
    weights: Tensor,
    temperature: float,
    offset: int = 0,
) -> Tensor:
    """``sum_i w_i log sum_{k != i} exp(z_i.z_k / t)``; i: anchors, k: pool.

    The anchors are n rows of the pool.  Three products of n x M x D each are
    all of the arithmetic that counts, the gradient included.

    Args:
        pool: (M, D), M > 1, of float32 or wider.
        gradient: (M, D), what this sum's is added to, or None.
        weights: (n,) w above, of the pool's dtype.
        temperature: t above.
        offset: where the anchors begin in the pool.

    Returns:
        Tensor: scalar.
    """
    rows = max(TILE // len(pool), 1)
    buffer = pool.new_empty(min(rows, len(weights)), len(pool))
    total = pool.new_zeros(())
    for start in range(0, len(weights), rows):
        weight = weights[start : start + rows]
        tile = buffer[: len(weight)]
        begin = offset + start
        anchors = pool[begin : begin + len(tile)]
        # beta=0: what the buffer held is not read.
        tile.addmm_(anchors, pool.T, beta=0, alpha=1 / temperature)
        # An anchor would be similarity 1 to itself.
        tile.diagonal(begin).fill_(-torch.inf)
        largest = tile.amax(1)
        exp_sum = tile.sub_(largest[:, None]).exp_().sum(1)
        total += weight @ exp_sum.log().add_(largest)
        if gradient is not None:
            tile.mul_((weight / (exp_sum * temperature))[:, None])
            gradient.addmm_(tile.T, anchors)
            gradient[begin : begin + len(tile)].addmm_(tile, pool)
    return total
