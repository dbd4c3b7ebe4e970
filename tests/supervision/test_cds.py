"""CDS, which is cross entropy and contrast: what is read and given back."""

import math

import pytest
import torch

from cds_mm.errors import UserError
from cds_mm.losses import contrastive_loss, unit_rows
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import (
    ContrastiveSupervision,
    CrossEntropySupervision,
)
from cds_mm.testing import fresh_generator, run_ranks


def outputs(labels, num_views=2, classes=10, generator=None):
    generator = generator or fresh_generator()
    rows = num_views * len(labels)

    def randn(width):
        return torch.randn(rows, width, generator=generator)

    return StageOutputs(
        labels=torch.tensor(labels),
        sample_idx=torch.arange(100, 100 + len(labels)),
        num_views=num_views,
        logits=randn(classes).requires_grad_(),
        branches={
            'stage1': randn(8).requires_grad_(),
            'stage2': randn(8).requires_grad_(),
        },
    )


@pytest.mark.parametrize('classes', [10, 1000])
def test_zero_logits_give_the_log_of_the_classes(classes):
    seen = outputs([1, 2, 3], classes=classes)
    seen.logits = torch.zeros(6, classes)
    loss = CrossEntropySupervision()(seen)[0]['']
    assert float(loss) == pytest.approx(math.log(classes), rel=1e-6)


def test_cross_entropy_reads_the_first_view_alone():
    seen = outputs([1, 2, 3])
    loss = CrossEntropySupervision(weight=0.5)(seen)[0]['']
    loss.backward()
    assert seen.logits.grad[:3].abs().sum() > 0
    assert seen.logits.grad[3:].abs().sum() == 0
    expected = [
        -torch.log_softmax(seen.logits[row].double(), 0)[label]
        for row, label in enumerate([1, 2, 3])
    ]
    assert float(loss) == pytest.approx(float(sum(expected)) / 6, rel=1e-5)


def test_unlabelled_rows_do_not_teach_classes():
    seen = outputs([1, -1, 3])
    CrossEntropySupervision()(seen)[0][''].backward()
    assert seen.logits.grad[1].abs().sum() == 0
    assert seen.logits.grad[[0, 2]].abs().sum(1).min() > 0


def test_no_label_at_all_is_a_zero_with_a_gradient():
    seen = outputs([-1, -1])
    loss = CrossEntropySupervision()(seen)[0]['']
    loss.backward()
    assert float(loss) == 0
    assert seen.logits.grad.abs().sum() == 0


def test_contrast_is_the_loss_on_each_branch():
    seen = outputs([1, 1, 3])
    supervision = ContrastiveSupervision(weight=0.1, temperature=0.2)
    losses, _ = supervision(seen)
    assert list(losses) == ['stage1', 'stage2']
    for name, loss in losses.items():
        z = unit_rows(seen.branches[name])
        expected = 0.1 * contrastive_loss(z, seen.labels, 0.2)
        assert float(loss) == pytest.approx(float(expected), rel=1e-6)


def test_instances_ignore_labels():
    generator = fresh_generator()
    seen = outputs([1, 1, 3], generator=generator)
    by_instance = ContrastiveSupervision(positives='instance')
    before = {k: float(v) for k, v in by_instance(seen)[0].items()}
    seen.labels = torch.tensor([4, 0, 0])
    assert {k: float(v) for k, v in by_instance(seen)[0].items()} == before
    by_label = ContrastiveSupervision(positives='label')
    seen.labels = torch.tensor([7, 8, 9])
    unique = {k: float(v) for k, v in by_label(seen)[0].items()}
    assert unique == pytest.approx(before, rel=1e-6)
    # An unlabelled image has itself for a positive, and nobody else.
    seen.labels = torch.tensor([-1, -1, -1])
    alone = {k: float(v) for k, v in by_label(seen)[0].items()}
    assert alone == pytest.approx(before, rel=1e-6)


def test_counters_are_shares():
    seen = outputs([1, 1, 3, 4])
    counters = ContrastiveSupervision()(seen)[1]
    assert {k: float(v) for k, v in counters.items()} == {
        'no_positive': 0,
        'no_partner': 0.5,
    }


def test_stages_to_choose():
    chosen = ContrastiveSupervision(branches=('stage2',))
    assert chosen.reads(['stage1', 'stage2']) == ['stage2']
    assert list(chosen(outputs([1, 2]))[0]) == ['stage2']
    with pytest.raises(UserError, match='stage9'):
        ContrastiveSupervision(branches=('stage9',)).reads(['stage1'])


def test_the_log_says_what_is_contrasted():
    assert 'gather=False' in ContrastiveSupervision().describe()
    assert 'gather=True' in ContrastiveSupervision(gather=True).describe()
    with pytest.raises(ValueError, match='positives'):
        ContrastiveSupervision(positives='labels')
    with pytest.raises(ValueError, match='poster'):
        ContrastiveSupervision(formula='poster', gather=True)


def _rank_cross_entropy(rank, weights, rows, labels):
    weights = weights.clone().requires_grad_()
    seen = StageOutputs(
        labels=torch.tensor(labels[rank]),
        sample_idx=torch.arange(3),
        logits=rows[rank] @ weights,
    )
    CrossEntropySupervision()(seen)[0][''].backward()
    return weights.grad


# Rank 0 has one labelled row, rank 1 three: their mean is that over four.
# Or rank 0 has none: its zero is averaged too.
@pytest.mark.parametrize(
    'first',
    [
        pytest.param([5, -1, -1], marks=pytest.mark.slow),
        [-1, -1, -1],
    ],
)
def test_cross_entropy_of_two_ranks_is_that_of_one(first):
    rank_labels = (first, [1, 2, 7])
    generator = fresh_generator()
    rows = torch.randn(2, 3, 6, generator=generator)
    weights = torch.randn(6, 10, generator=generator)
    ranks = run_ranks(2, _rank_cross_entropy, weights, rows, rank_labels)
    whole = weights.clone().requires_grad_()
    labels = torch.tensor([*rank_labels[0], *rank_labels[1]])
    logits = rows.flatten(0, 1) @ whole
    log_prob = logits.log_softmax(1)
    chosen = [log_prob[i, c] for i, c in enumerate(labels) if c >= 0]
    (-sum(chosen) / len(chosen)).backward()
    torch.testing.assert_close((ranks[0] + ranks[1]) / 2, whole.grad)
