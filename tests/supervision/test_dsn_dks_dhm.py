"""DSN, DKS and DHM: values, names, and who feels what."""

import math

import pytest
import torch

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.errors import UserError
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import (
    CrossEntropySupervision,
    DeepSupervision,
    SynergySupervision,
)
from cds_mm.testing import fresh_generator, fresh_seed

PAIRS = [f'{a}-{b}' for a in 'xyh' for b in 'xyh' if a != b]


def outputs(logits, labels):
    """Three classifiers; ``logits`` is (3, B, K), the main head's last."""
    x, y, head = (part.clone().requires_grad_() for part in logits)
    return StageOutputs(
        labels=torch.tensor(labels),
        sample_idx=torch.arange(len(labels)),
        logits=head,
        branches={'x': x, 'y': y},
    )


def random_outputs(generator=None):
    generator = generator or fresh_generator()
    return outputs(torch.randn(3, 4, 5, generator=generator), [0, 3, 1, 1])


def total(seen, *supervisions):
    return sum(sum(s(seen)[0].values()) for s in supervisions)


def gradients(seen, loss):
    leaves = [seen.branches['x'], seen.branches['y'], seen.logits]
    return torch.autograd.grad(loss, leaves, allow_unused=True)


@pytest.mark.parametrize('alpha', [1.0, 0.3])
def test_deep_supervision_of_zero_logits(alpha):
    seen = outputs(torch.zeros(3, 2, 100), [7, 50])
    seen.branches['z'] = torch.zeros(2, 100)
    dsn = DeepSupervision(weight=alpha)
    assert list(dsn(seen)[0]) == ['x', 'y', 'z']
    expected = (1 + 3 * alpha) * math.log(100)
    loss = total(seen, CrossEntropySupervision(), dsn)
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_deep_supervision_reads_its_views_and_labels():
    seen = random_outputs()
    seen.num_views, seen.labels = 2, torch.tensor([2, -1])
    loss = total(seen, DeepSupervision(branches=('x',)))
    x, y, head = gradients(seen, loss)
    assert x[0].abs().sum() > 0
    assert x[1:].abs().sum() == 0, 'no label, and the second view'
    assert y is None and head is None
    with pytest.raises(UserError, match='stage9'):
        DeepSupervision(branches=('stage9',)).reads(['x'])


def test_synergy_of_two_classifiers():
    uniform, skewed = torch.zeros(1, 2), torch.tensor([[math.log(3), 0.0]])
    seen = outputs(torch.stack([uniform, uniform, skewed]), [0])
    del seen.branches['y']
    losses, counters = SynergySupervision()(seen)
    assert counters == {}
    assert {k: float(v) for k, v in losses.items()} == pytest.approx(
        {'x-head': 0.143841, 'head-x': 0.130812}, abs=1e-6
    )
    whole = total(
        seen,
        CrossEntropySupervision(),
        DeepSupervision(),
        SynergySupervision(),
    )
    assert float(whole) == pytest.approx(1.255482, abs=1e-5)


def test_synergy_names_every_ordered_pair():
    losses, _ = SynergySupervision()(random_outputs())
    assert [k.replace('head', 'h') for k in losses] == PAIRS


def test_each_term_moves_its_second_classifier_alone():
    seen = random_outputs()
    names = ['x', 'y', 'head']
    losses, _ = SynergySupervision()(seen)
    for pair, loss in losses.items():
        felt = gradients(seen, loss)
        feels = [n for n, g in zip(names, felt, strict=True) if g is not None]
        assert feels == [pair.split('-')[1]]


def test_synergy_of_equal_classifiers_is_nothing():
    logits = torch.randn(4, 5, generator=fresh_generator())
    seen = outputs(logits.expand(3, 4, 5), [0, 1, 2, 3])
    loss = total(seen, SynergySupervision())
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert max(float(g.abs().max()) for g in gradients(seen, loss)) < 1e-6


def test_classes_and_rows_may_be_permuted():
    generator = fresh_generator()
    logits = torch.randn(3, 4, 5, generator=generator)
    labels = [0, 1, 2, 3]
    before = total(outputs(logits, labels), SynergySupervision())
    rows, classes = (torch.randperm(n, generator=generator) for n in (4, 5))
    moved = logits[:, rows][..., classes]
    after = total(outputs(moved, labels), SynergySupervision())
    torch.testing.assert_close(before, after)


def test_dynamic_terms_keep_their_value():
    torch.manual_seed(fresh_seed())
    seen = random_outputs()
    fixed = SynergySupervision()(seen)[0]
    for _ in range(20):
        losses, counters = SynergySupervision(dynamic='term_drop')(seen)
        assert {k: float(v) for k, v in losses.items()} == {
            k: float(v) for k, v in fixed.items()
        }
        dropped = [k for k, v in losses.items() if not v.requires_grad]
        share = float(counters['dropped'])
        assert share == pytest.approx(len(dropped) / 6)


def test_the_expected_share_of_dropped_terms():
    torch.manual_seed(fresh_seed())
    seen = random_outputs()
    dhm = SynergySupervision(dynamic='term_drop')
    shares = torch.stack([dhm(seen)[1]['dropped'] for _ in range(2000)])
    expected = sum(1 - (5 / 6) ** m for m in range(6)) / 6
    assert expected == pytest.approx(0.3349, abs=1e-4)
    # Six standard errors.
    error = float(shares.std()) / 2000**0.5
    assert float(shares.mean()) == pytest.approx(expected, abs=6 * error)


def test_all_terms_dropped_is_deep_supervision(monkeypatch):
    monkeypatch.setattr(
        'cds_mm.supervision.dks.drawn_terms', lambda n: set(range(n))
    )
    seen = random_outputs()
    dsn = CrossEntropySupervision(), DeepSupervision()
    with_dhm = total(seen, *dsn, SynergySupervision(dynamic='term_drop'))
    expected = gradients(seen, total(seen, *dsn))
    assert all(map(torch.equal, gradients(seen, with_dhm), expected))


def test_an_unknown_dynamic():
    with pytest.raises(ValueError, match='term_drop'):
        SynergySupervision(dynamic='drop')
    assert 'dropped' in SynergySupervision(dynamic='term_drop').describe()
    assert 'stage2' in DeepSupervision(branches=('stage2',)).describe()


@pytest.mark.parametrize('kind', [DeepSupervision, SynergySupervision])
def test_branches_that_are_no_classifiers(kind):
    stages = {'stage4': StageSpec(12, 32)}
    kind().connect(NetworkSpec(stages, 5, {'x': 5, 'y': 5}))
    with pytest.raises(UserError, match='x: that branch has 128 outputs.*5'):
        kind().connect(NetworkSpec(stages, 5, {'x': 128}))
    with pytest.raises(UserError, match='branches of any name'):
        kind().reads([])
