"""ONE: the gate, the ensemble, the ramp, and who follows whom."""

import math

import pytest
import torch
from mmengine.logging import MessageHub

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.errors import UserError
from cds_mm.losses import softened_divergence
from cds_mm.stage_outputs import StageOutputs
from cds_mm.step_facts import step_facts
from cds_mm.supervision import EnsembleSupervision
from cds_mm.supervision.one import mix, ramp_up
from cds_mm.testing import fresh_generator, fresh_seed, samples

STAGES = {'stage3': StageSpec(6, 16), 'stage4': StageSpec(12, 32)}
NETWORK = NetworkSpec(STAGES, 5, {'peer1': 5, 'peer2': 5})


def ensemble(**options):
    torch.manual_seed(fresh_seed())
    supervision = EnsembleSupervision(**options)
    supervision.connect(NETWORK)
    return supervision


@pytest.fixture
def hub():
    """Where the host says how far a run is; empty again afterwards."""
    hub = MessageHub.get_current_instance()
    before = dict(hub.runtime_info)
    yield hub
    hub.runtime_info.clear()
    hub.runtime_info.update(before)


def outputs(logits, progress=1.0):
    main, first, second = (x.clone().requires_grad_() for x in logits)
    generator = fresh_generator()
    return StageOutputs(
        labels=torch.tensor([0, 3, 1, 1]),
        sample_idx=torch.arange(4),
        logits=main,
        maps={'stage3': torch.randn(4, 6, 2, 2, generator=generator)},
        branches={'peer1': first, 'peer2': second},
        epoch_progress=progress,
    )


def test_outputs_without_an_epoch_go_by_the_iteration():
    """As another program makes them, which knows how far it is alone."""
    supervision, logits = ensemble(), random_logits()
    plain, losses = dict(vars(outputs(logits))), []
    for progress, epoch in ((0.1, 0.1), (0.1, None), (0.5, 0.1), (0.1, 0.5)):
        plain.update(progress=progress, epoch_progress=epoch)
        losses.append(supervision(StageOutputs(**plain))[0]['peer1'].item())
    assert losses[0] == losses[1] == losses[2] < losses[3]


def random_logits():
    return torch.randn(3, 4, 5, generator=fresh_generator())


def test_zero_logits():
    losses, _ = ensemble()(outputs(torch.zeros(3, 4, 5)))
    assert list(losses) == ['ensemble', 'head', 'peer1', 'peer2']
    assert losses['ensemble'].item() == pytest.approx(math.log(5), rel=1e-6)
    for peer in ('head', 'peer1', 'peer2'):
        assert losses[peer].item() == pytest.approx(0, abs=1e-6)


def test_weights_sum_to_one_and_equal_peers_agree():
    supervision = ensemble()
    seen = outputs(random_logits())
    weights = supervision.gate(seen.maps['stage3'])
    assert weights.shape == (4, 3)
    torch.testing.assert_close(weights.sum(1), torch.ones(4))
    same = seen.logits.detach()
    torch.testing.assert_close(mix(weights, [same] * 3), same)


def test_the_ensemble_by_a_loop():
    supervision = ensemble(temperature=2.0, weight=0.5)
    seen = outputs(random_logits())
    weights = supervision.gate(seen.maps['stage3'])
    peers = [seen.logits, *seen.branches.values()]
    rows = [
        [
            sum(float(weights[n, p]) * float(peers[p][n, k]) for p in range(3))
            for k in range(5)
        ]
        for n in range(4)
    ]
    # The gate's BatchNorm saw the same batch: its output is the same.
    losses, counters = supervision(seen)
    expected = torch.tensor(rows)
    cross_entropy = -sum(
        expected.log_softmax(1)[n, label].item()
        for n, label in enumerate(seen.labels)
    )
    assert losses['ensemble'].item() == pytest.approx(cross_entropy / 4)
    for name, peer in zip(('head', 'peer1', 'peer2'), peers, strict=True):
        wanted = 0.5 * softened_divergence(expected, peer, 2.0)
        torch.testing.assert_close(losses[name], wanted)
    assert counters['ramp'].item() == 1


def test_the_divergence_moves_its_peer_alone():
    supervision = ensemble()
    seen = outputs(random_logits())
    losses, _ = supervision(seen)
    leaves = [seen.logits, *seen.branches.values()]
    parameters = list(supervision.gate.parameters())
    for index, name in enumerate(('head', 'peer1', 'peer2')):
        grads = torch.autograd.grad(
            losses[name], leaves + parameters, allow_unused=True,
            retain_graph=True,
        )  # fmt: skip
        felt = [i for i, grad in enumerate(grads) if grad is not None]
        assert felt == [index]
    grads = torch.autograd.grad(losses['ensemble'], leaves + parameters)
    assert all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize(
    ('epoch', 'expected'), [(0, 0.006738), (40, 0.286505), (80, 1), (200, 1)]
)
def test_the_ramp(epoch, expected):
    assert ramp_up(epoch / 300, 80 / 300) == pytest.approx(expected, abs=1e-6)
    assert ramp_up(epoch / 300, 0) == 1
    logits, supervision = random_logits(), ensemble()
    # One picture for the gate: what is compared is the ramp.
    seen, whole = outputs(logits, progress=epoch / 300), outputs(logits)
    whole.maps = seen.maps
    losses, counters = supervision(seen)
    full, _ = supervision(whole)
    assert counters['ramp'].item() == pytest.approx(expected, abs=1e-6)
    for peer in ('head', 'peer1', 'peer2'):
        ratio = losses[peer].item() / full[peer].item()
        assert ratio == pytest.approx(expected, rel=1e-3)
    torch.testing.assert_close(losses['ensemble'], full['ensemble'])


def test_the_ramp_moves_by_the_epoch(hub):
    """exp(-5 (1 - e / 80)^2), e the number of the epoch from 0 on."""
    length = EnsembleSupervision().ramp
    hub.update_info_dict(dict(max_epochs=300, max_iters=300 * 7))
    for epoch in range(300):
        wanted = math.exp(-5 * (1 - min(epoch, 80) / 80) ** 2)
        for iteration in (7 * epoch, 7 * epoch + 6):
            hub.update_info_dict(dict(epoch=epoch, iter=iteration))
            facts = step_facts(torch.zeros(1, 3, 2, 2), samples([0]))
            ramp = ramp_up(facts['epoch_progress'], length)
            assert ramp == pytest.approx(wanted, rel=1e-12)
            assert facts['progress'] == iteration / 2100
    # A loop by iteration, as the host counts it.
    hub.update_info_dict(dict(epoch=0, max_epochs=1))
    facts = step_facts(torch.zeros(1, 3, 2, 2), samples([0]))
    assert facts['epoch_progress'] is None
    assert facts['progress'] == 2099 / 2100


def test_a_backbone_of_one_stage():
    with pytest.raises(UserError, match='gives one stage'):
        one = {'stage4': StageSpec(12, 32)}
        EnsembleSupervision().connect(NetworkSpec(one, 5))
