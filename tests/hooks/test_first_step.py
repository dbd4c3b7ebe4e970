"""The moment before the first step, for several at once."""

from types import SimpleNamespace

import torch

from cds_mm.hooks.first_step import BeforeStep


def test_two_that_wait_for_one_optimizer():
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    optimizer = torch.optim.SGD([weight], 0.5)
    runner = SimpleNamespace(
        optim_wrapper=SimpleNamespace(optimizer=optimizer)
    )
    seen = []
    waiting = [
        BeforeStep(runner, lambda: seen.append(weight.item()))
        for _ in range(2)
    ]
    for _ in range(3):
        optimizer.step()
    assert seen == [1, 1]
    for one in waiting:
        one.do()
    assert seen == [1, 1] and not optimizer._optimizer_step_pre_hooks
