"""Which parameters a loss depends on, against autograd's own answer."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cds_mm.hooks.unreached import unreached
from cds_mm.testing import fresh_seed


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.other = nn.Linear(4, 2)
        self.frozen = nn.Linear(4, 2).requires_grad_(False)

    def forward(self, x, with_other):
        x = self.used(x).mean((2, 3))
        return (self.other(x) if with_other else x).pow(2).sum()


@pytest.mark.parametrize('dtype', [None, torch.bfloat16])
@pytest.mark.parametrize('with_other', [False, True])
def test_what_autograd_says(with_other, dtype):
    torch.manual_seed(fresh_seed())
    model = Network()
    with torch.autocast('cpu', dtype, enabled=dtype is not None):
        loss = model(torch.randn(2, 3, 8, 8), with_other)
    found = unreached(model, loss)
    loss.backward()  # the graph is still there
    assert found == [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    ]
    assert bool(found) != with_other


def test_what_is_computed_again_is_not_judged():
    model = Network()
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    loss = checkpoint(model, images, True, use_reentrant=True)
    assert unreached(model, loss) == []


class Hidden(torch.autograd.Function):
    """As of a reversible network, whose backward pass computes again."""

    @staticmethod
    def forward(ctx, x, model):
        return x.sum()

    @staticmethod
    def backward(ctx, grad):
        return grad, None


def test_a_function_of_others_is_not_judged():
    model = Network()
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    assert unreached(model, Hidden.apply(images, model)) == []
