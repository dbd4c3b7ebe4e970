"""The focal loss through `mmcv.ops` against its formula in float64."""

import pytest
import torch
from mmcv.ops import sigmoid_focal_loss

from cds_mm import ops
from cds_mm.testing import fresh_generator

pytestmark = pytest.mark.usefixtures('runs_on_cpu')


@pytest.fixture
def runs_on_cpu():
    if ops.status().state == 'compiled':
        pytest.skip('the compiled focal loss exists on the GPU only')


def reference(logits, targets, gamma, alpha, weight=None):
    """-alpha_t (1 - p_t)^gamma log p_t, a number at a time."""
    rows = []
    for row, target in zip(logits, targets.tolist(), strict=True):
        for index, logit in enumerate(row):
            p = 1 / (1 + torch.exp(-logit))
            p_t = p if index == target else 1 - p
            alpha_t = alpha if index == target else 1 - alpha
            loss = -alpha_t * (1 - p_t) ** gamma * torch.log(p_t)
            if weight is not None and 0 <= target < len(weight):
                loss = loss * weight[target].double()
            rows.append(loss)
    return torch.stack(rows).view_as(logits)


def rows(generator, count=12, classes=5, dtype=torch.float32):
    logits = torch.randn(count, classes, generator=generator) * 3
    # The last class number stands for background.
    targets = torch.randint(classes + 1, (count,), generator=generator)
    targets[:2] = torch.tensor([classes, 0])
    return logits.to(dtype), targets


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize(
    ('gamma', 'alpha'), [(2.0, 0.25), (0.5, 0.9), (0, 0.5)]
)
@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_loss_and_gradient(reduction, gamma, alpha, weighted):
    generator = fresh_generator()
    logits, targets = rows(generator)
    weight = torch.rand(5, generator=generator) + 0.5 if weighted else None
    leaf = logits.clone().requires_grad_()
    loss = sigmoid_focal_loss(leaf, targets, gamma, alpha, weight, reduction)

    true_leaf = logits.double().requires_grad_()
    true = reference(true_leaf, targets, gamma, alpha, weight)
    if reduction != 'none':
        # 'mean' of the host divides by rows, not by elements.
        true = true.sum() / (len(logits) if reduction == 'mean' else 1)
    grad = torch.randn(true.shape, generator=generator)
    loss.backward(grad)
    true.backward(grad.double())

    torch.testing.assert_close(loss.double(), true, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        leaf.grad.double(), true_leaf.grad, atol=1e-5, rtol=1e-4
    )


def test_bfloat16():
    logits, targets = rows(fresh_generator(), dtype=torch.bfloat16)
    leaf = logits.clone().requires_grad_()
    loss = sigmoid_focal_loss(leaf, targets, 2.0, 0.25, None, 'none')
    loss.sum().backward()
    true_leaf = logits.double().requires_grad_()
    true = reference(true_leaf, targets, 2.0, 0.25)
    true.sum().backward()
    assert loss.dtype == leaf.grad.dtype == torch.bfloat16
    torch.testing.assert_close(loss.double(), true, atol=1e-4, rtol=4e-3)
    torch.testing.assert_close(
        leaf.grad.double(), true_leaf.grad, atol=1e-4, rtol=4e-3
    )


def test_far_logits_stay_finite():
    # Wrong by 200 on both sides: the loss is 200 alpha_t, the slope alpha_t.
    logits = torch.tensor([[-200.0, 200.0]]).requires_grad_()
    loss = sigmoid_focal_loss(
        logits, torch.tensor([0]), 2.0, 0.25, None, 'none'
    )
    loss.sum().backward()
    expected = torch.tensor([[50.0, 150.0]])
    torch.testing.assert_close(loss.detach(), expected)
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.25, 0.75]]))


def test_the_slope_at_an_infinite_logit():
    """As at logits of 200: that of a loss which is linear there."""
    logits = torch.tensor([[-torch.inf, torch.inf]]).requires_grad_()
    target = torch.tensor([0])
    loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    loss.sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.25, 0.75]]))


@pytest.mark.parametrize('gamma', [0, 0.5, 2.0])
def test_logits_of_zero_and_targets_of_nothing(gamma):
    """Where a head starts, and images without a box."""
    logits = torch.zeros(4, 3)
    targets = torch.tensor([3, 3, 0, 2])
    ours, true = logits.clone(), logits.double()
    answers = []
    for leaf, function in ((ours, None), (true, reference)):
        leaf.requires_grad_()
        if function:
            loss = function(leaf, targets, gamma, 0.25)
        else:
            loss = sigmoid_focal_loss(leaf, targets, gamma, 0.25, None, 'none')
        loss.sum().backward()
        answers.append((loss.detach().double(), leaf.grad.double()))
    for mine, exact in zip(*answers, strict=True):
        torch.testing.assert_close(mine, exact, atol=1e-6, rtol=1e-5)


def test_no_rows():
    logits = torch.zeros(0, 3).requires_grad_()
    targets = torch.zeros(0, dtype=torch.long)
    loss = sigmoid_focal_loss(logits, targets, 2.0, 0.25, None, 'sum')
    loss.backward()
    assert loss == 0
    assert logits.grad.shape == (0, 3)


def test_equals_the_python_loss_of_mmdetection():
    """On a GPU MMDetection calls the op, on a CPU its own function."""
    from mmdet.models.losses import FocalLoss
    from mmdet.models.losses.focal_loss import sigmoid_focal_loss as by_op

    generator = fresh_generator()
    logits, targets = rows(generator)
    per_row = torch.rand(len(logits), generator=generator)
    on_cpu = FocalLoss()(logits, targets, per_row, avg_factor=7)
    on_gpu = by_op(logits, targets, per_row, avg_factor=7)
    torch.testing.assert_close(on_gpu, on_cpu)
