"""The whole network on two ranks is the network on one process."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from cds_mm.testing import CONFIGS, fresh_generator, run_ranks, samples

CDS = 'cifar100/cds_r18_cifar100.py'
SEMI = 'semi/cds-semi_r18_cifar100_10pct.py'


def network(name, state=None):
    """With gather, BatchNorm in eval mode, float64; CDS contrasts alone."""
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict(
        {
            'model.backbone.base_channels': 8,
            'model.head.in_channels': 64,
            'model.supervisions.cds.gather': True,
        }
    )
    if name == CDS:
        cfg.model.supervisions.ce = None
    model = MODELS.build(cfg.model).double()
    if state is not None:
        model.load_state_dict(state)
    # Statistics of a batch would be those of one rank.
    return model.eval()


def gradients(name, state, images, labels, indices):
    """Gradient of the loss by parameter, and the loss.

    On ranks it is the gradient that DistributedDataParallel leaves there.

    Args:
        images: (V, B, 3, H, W).
    """
    model = called = network(name, state)
    if distributed.is_initialized():
        # CDS alone does not contrast the head.  With cross entropy a rank
        # without a label must not leave the others waiting.
        unused = name == CDS
        called = DistributedDataParallel(model, find_unused_parameters=unused)
    data_samples = samples(labels, indices)
    log = called(images.flatten(0, 1), data_samples, mode='loss')
    loss, _ = model.parse_losses(log)
    loss.backward()
    grads = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return grads, loss.detach()


CASES = {
    CDS: (
        # Equal batches, but one rank's images are all of one class.
        ((0, 4, 8), [0, 0, 0, 0, 0, 1, 2, 3]),
        # Uneven batches, an unlabelled image, and a class on both.
        ((0, 2, 7), [0, -1, 1, 1, 0, 2, 1]),
    ),
    SEMI: (
        # The first rank, or all, have no label at all.
        ((0, 4, 8), [-1, -1, -1, -1, 0, -1, 2, 3]),
        ((0, 3, 6), [-1, -1, -1, -1, -1, -1]),
    ),
}


def on_rank(rank, name, state, inputs):
    return [
        gradients(name, state, images[:, own], labels[own], indices[own])
        for (bounds, labels), (images, indices) in zip(
            CASES[name], inputs, strict=True
        )
        for own in [slice(bounds[rank], bounds[rank + 1])]
    ]


def random_inputs(size, generator):
    images = torch.randn(
        (2, size, 3, 32, 32), generator=generator, dtype=torch.float64
    )
    return images, torch.randperm(100, generator=generator)[:size].tolist()


@pytest.mark.parametrize('name', CASES)
def test_the_gradients_under_ddp(name):
    generator = fresh_generator()
    torch.manual_seed(torch.randint(2**31, (), generator=generator).item())
    state = network(name).state_dict()
    cases = CASES[name]
    inputs = [random_inputs(len(labels), generator) for _, labels in cases]
    ranks = run_ranks(2, on_rank, name, state, inputs)
    for number, (_, labels) in enumerate(cases):
        images, indices = inputs[number]
        wanted, loss = gradients(name, state, images, labels, indices)
        of_ranks = [results[number] for results in ranks]
        assert torch.stack([r[1] for r in of_ranks]).mean().allclose(loss)
        for grads, _ in of_ranks:
            assert_close(wanted, grads)
        parts = {part.split('.')[0] for part in wanted}
        # The head is not contrasted.
        classified = {'head'} if name == SEMI else set()
        assert parts == {'backbone', 'branches'} | classified


def assert_close(wanted, grads):
    largest = max(float(grad.abs().max()) for grad in wanted.values())
    assert largest > 1e-4, 'there is a gradient to compare'
    assert grads.keys() == wanted.keys()
    for name, grad in wanted.items():
        gap = float((grads[name] - grad).abs().max())
        assert gap < 1e-9 * largest, (name, gap, largest)
