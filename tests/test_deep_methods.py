"""DSN, DKS and DHM as their configs build them: who teaches whom."""

import pytest
import torch
from mmpretrain.registry import MODELS
from references import divergence

from cds_mm.config import load_config
from cds_mm.testing import CONFIGS, fresh_seed, samples

NARROW = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
    'model.head.in_channels': 64,
}
DSN_KEYS = ['loss_ce', 'loss_dsn.stage2', 'loss_dsn.stage3']
PAIRS = [
    f'{a}-{b}'
    for a in ('stage2', 'stage3', 'head')
    for b in ('stage2', 'stage3', 'head')
    if a != b
]


def build(method, state=None, **options):
    cfg = load_config(str(CONFIGS / f'cifar100/{method}_r18_cifar100.py'))
    cfg.merge_from_dict(NARROW | options)
    model = MODELS.build(cfg.model)
    model.init_weights()
    if state is not None:
        model.load_state_dict(state)
    return model


@pytest.fixture(scope='module')
def batch():
    torch.manual_seed(fresh_seed())
    return torch.randn(4, 3, 32, 32), samples([3, 7, 7, 99])


@pytest.fixture(scope='module')
def state():
    return build('dsn').state_dict()


def losses(model, batch):
    return {k: v for k, v in model.loss(*batch).items() if 'loss' in k}


def touched(model, loss):
    """The parts of the network that a loss has a gradient in."""
    parameters = dict(model.named_parameters())
    grads = torch.autograd.grad(
        loss, parameters.values(), retain_graph=True, allow_unused=True
    )
    names = zip(parameters, grads, strict=True)
    found = {n for n, g in names if g is not None and g.abs().sum() > 0}
    return {
        '.'.join(name.split('.')[:2])
        for name in found
        if not name.startswith(('backbone.bn1', 'backbone.conv1'))
    }


BACKBONE = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]


def test_where_each_loss_of_deep_supervision_arrives(batch, state):
    model = build('dsn', state)
    terms = losses(model, batch)
    assert list(terms) == DSN_KEYS
    stage2 = {'branches.stage2', *BACKBONE[:2]}
    stage3 = {'branches.stage3', *BACKBONE[:3]}
    assert touched(model, terms['loss_dsn.stage2']) == stage2
    assert touched(model, terms['loss_dsn.stage3']) == stage3
    assert touched(model, terms['loss_ce']) == {*BACKBONE, 'head.fc'}


def test_where_each_term_of_synergy_arrives(batch, state):
    model = build('dks', state)
    terms = losses(model, batch)
    assert list(terms) == DSN_KEYS + [f'loss_dks.{pair}' for pair in PAIRS]
    own = {
        'stage2': {'branches.stage2', *BACKBONE[:2]},
        'stage3': {'branches.stage3', *BACKBONE[:3]},
        'head': {'head.fc', *BACKBONE},
    }
    for pair in PAIRS:
        learns = pair.split('-')[1]
        assert touched(model, terms[f'loss_dks.{pair}']) == own[learns], pair


def test_dhm_and_dks_differ_in_the_dynamic_part_alone(batch, state):
    dks = losses(build('dks', state), batch)
    still = {'model.supervisions.dhm.dynamic': None}
    dhm = losses(build('dhm', state, **still), batch)
    for pair in PAIRS:
        ours, theirs = dhm[f'loss_dhm.{pair}'], dks[f'loss_dks.{pair}']
        assert float(ours) == pytest.approx(float(theirs), abs=1e-7)


def test_synergy_against_the_formula(batch, state):
    model = build('dks', state)
    terms = losses(model, batch)
    # In eval mode nothing would change; BatchNorm saw the same batch twice.
    seen = model.stage_outputs(*batch)
    logits = {**seen.branches, 'head': seen.logits}
    logits = {name: x.detach().double() for name, x in logits.items()}
    for pair in PAIRS:
        target, follower = (logits[name] for name in pair.split('-'))
        rows = zip(target, follower, strict=True)
        wanted = sum(float(divergence(*two, smoothing=1e-8)) for two in rows)
        value = float(terms[f'loss_dks.{pair}'])
        assert value == pytest.approx(wanted / 4, rel=1e-4, abs=1e-6)


def test_the_draw_of_dhm_is_that_of_the_step(batch, state):
    model = build('dhm', state)

    def dropped(seed):
        torch.manual_seed(seed)
        terms = losses(model, batch)
        return [k for k, v in terms.items() if not v.requires_grad]

    seed = fresh_seed()
    draws = [dropped(seed + step) for step in range(8)]
    assert draws == [dropped(seed + step) for step in range(8)]
    assert len({tuple(draw) for draw in draws}) > 1


def test_the_separable_twin_has_the_towers_of_cds():
    name = str(CONFIGS / 'cifar100/dsn_r18_cifar100_sepconv.py')
    twin = MODELS.build(load_config(name).model)
    name = str(CONFIGS / 'cifar100/cds_r18_cifar100.py')
    cds = MODELS.build(load_config(name).model)
    for stage in ('stage1', 'stage2', 'stage3'):
        assert str(twin.branches[stage].tower) == str(
            cds.branches[stage].tower
        )
