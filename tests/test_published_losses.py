"""The whole loss of each method, against the formulas of its source.

Everything here is computed a row, a pair or a triplet at a time, in float64,
with the weights and temperatures that the sources have.
"""

import math
from itertools import permutations

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.config import load_config
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import ContrastiveRepresentationDistillation
from cds_mm.testing import CONFIGS, fresh_seed

IMAGES, CLASSES = 5, 4
STAGES = ('stage1', 'stage2', 'stage3', 'stage4')


def network(width, branches):
    stages = {
        name: StageSpec(width * (i + 1), 2**i) for i, name in enumerate(STAGES)
    }
    return NetworkSpec(stages, CLASSES, branches)


def outputs(spec, views, labels):
    def random(*shape):
        return torch.randn(views * IMAGES, *shape, dtype=torch.float64)

    return StageOutputs(
        labels=labels,
        sample_idx=torch.arange(IMAGES),
        num_views=views,
        logits=random(CLASSES),
        embedding=random(spec.last.channels),
        maps={
            name: random(stage.channels, 3, 3)
            for name, stage in spec.stages.items()
        },
        branches={
            name: random(width) for name, width in spec.branches.items()
        },
        epoch_progress=0.1,
    )


# Formulas of one row or of a few.


def cross_entropy(logits, labels):
    rows = [
        torch.logsumexp(row, 0) - row[label]
        for row, label in zip(logits, labels, strict=False)
    ]
    return sum(rows) / IMAGES


def divergence(believed, followed, temperature=1.0, epsilon=0.0):
    """T^2 KL of the first IMAGES rows, probabilities smoothed."""
    whole = 0.0
    for believes, follows in list(zip(believed, followed, strict=True))[
        :IMAGES
    ]:
        p, q = (
            ((row / temperature).softmax(0) + epsilon)
            / (1 + CLASSES * epsilon)
            for row in (believes, follows)
        )
        whole += (p * (p / q).log()).sum()
    return temperature**2 * whole / IMAGES


def soft_cross_entropy(believed, followed, temperature):
    p = (believed[:IMAGES] / temperature).softmax(1)
    log_q = (followed[:IMAGES] / temperature).log_softmax(1)
    return -(p * log_q).sum() / IMAGES


def units(rows):
    return torch.stack([row / row.norm() for row in rows])


def supcon(z, labels, temperature=0.07, base=0.07):
    labels, total = [*labels, *labels], 0.0
    for a, anchor in enumerate(z):
        scores = {
            k: z[k] @ anchor / temperature for k in range(len(z)) if k != a
        }
        whole = sum(score.exp() for score in scores.values()).log()
        mine = [k for k in scores if labels[k] == labels[a]]
        total -= sum(scores[k] - whole for k in mine) / len(mine)
    return temperature / base * total / len(z)


def contrasts(s):
    return sum(supcon(units(z), s.labels) for z in s.branches.values())


def projections(s, t, parts):
    return sum(
        (parts['stages'].adapters[name](units(z)) - units(t.branches[name]))
        .pow(2)
        .sum()
        .sqrt()
        for name, z in s.branches.items()
    )


def attention(s, t, stages):
    total = 0.0
    for name in stages:
        energies = (o.maps[name][:IMAGES].pow(2).mean(1) for o in (s, t))
        ours, theirs = (units(e.flatten(1)) for e in energies)
        total += (ours - theirs).pow(2).mean()
    return total


def huber(x):
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def relations(s, t):
    ours, theirs = (o.embedding[:IMAGES] for o in (s, t))
    apart = [
        [[float((a - b).norm()) for b in rows] for a in rows]
        for rows in (ours, theirs)
    ]
    pairs = IMAGES * (IMAGES - 1)
    means = [sum(map(sum, table)) / pairs for table in apart]
    every = range(IMAGES)
    distance = sum(
        huber(apart[0][i][j] / means[0] - apart[1][i][j] / means[1])
        for i in every
        for j in every
    )

    def cosine(rows, i, j, k):
        if i in (j, k):
            return 0.0
        first, second = rows[j] - rows[i], rows[k] - rows[i]
        return float(first @ second / first.norm() / second.norm())

    angle = sum(
        huber(cosine(ours, i, j, k) - cosine(theirs, i, j, k))
        for i in every
        for j in every
        for k in every
    )
    return 25 * distance / IMAGES**2 + 50 * angle / IMAGES**3


def similarities(s, t):
    tables = []
    for o in (s, t):
        rows = o.maps['stage4'][:IMAGES].flatten(1)
        tables.append(units(rows @ rows.T))
    return (tables[0] - tables[1]).pow(2).sum() / IMAGES**2


def congruence(s, t, part):
    ours = part.student_embed(s.embedding[:IMAGES])
    theirs = part.teacher_embed(t.embedding[:IMAGES])
    delta = (ours - theirs).abs()
    rows = [(delta[b] * delta[b + 1]).sum() for b in range(IMAGES - 1)]
    return sum(rows) / len(rows)


def classifiers(s):
    return [*s.branches.values(), s.logits]


def all_classes(s):
    return sum(cross_entropy(logits, s.labels) for logits in classifiers(s))


def synergy(s):
    return sum(
        divergence(a, b, epsilon=1e-8)
        for a, b in permutations(classifiers(s), 2)
    )


def ensemble(s, parts):
    weights = parts['one'].gate(s.maps['stage3'])
    peers = [s.logits, *s.branches.values()]
    mixed = sum(weights[:, [p]] * peer for p, peer in enumerate(peers))
    ramp = math.exp(-5 * (1 - 0.1 * 300 / 80) ** 2)
    follow = sum(divergence(mixed, peer, 3) for peer in peers)
    return cross_entropy(mixed, s.labels) + ramp * follow


def ce(s):
    return cross_entropy(s.logits, s.labels)


PEERS = dict.fromkeys(('a', 'b'), CLASSES)
ALL = dict.fromkeys(STAGES, 6)
LAST = ('stage3', 'stage4')
# Views, branches, and the loss of student, teacher and built supervisions.
FORMULAS = {
    'baseline': (1, {}, lambda s, t, parts: ce(s)),
    'dsn': (1, PEERS, lambda s, t, parts: all_classes(s)),
    'dks': (1, PEERS, lambda s, t, parts: all_classes(s) + synergy(s)),
    # Its dynamic part is disabled in the released code.
    'dhm': (1, PEERS, lambda s, t, parts: all_classes(s) + synergy(s)),
    'cds': (2, ALL, lambda s, t, parts: ce(s) + 0.1 * contrasts(s)),
    'cds-kd': (
        2,
        ALL,
        lambda s, t, parts: (
            ce(s)
            + 0.1 * contrasts(s)
            + 0.1 * projections(s, t, parts)
            + soft_cross_entropy(t.logits, s.logits, 3)
        ),
    ),
    'cds-kd_in1k': (
        2,
        ALL,
        lambda s, t, parts: (
            ce(s)
            + 0.5 * contrasts(s)
            + 0.5 * projections(s, t, parts)
            + soft_cross_entropy(t.logits, s.logits, 1)
        ),
    ),
    'supcon': (
        2,
        {'stage4': 6},
        lambda s, t, parts: supcon(
            units(s.branches['stage4']), s.labels, 0.1, 0.07
        ),
    ),
    # RepDistiller.
    'kd': (
        1,
        {},
        lambda s, t, parts: (
            0.1 * ce(s) + 0.9 * divergence(t.logits, s.logits, 4)
        ),
    ),
    'at': (
        1,
        {},
        lambda s, t, parts: ce(s) + 1000 * attention(s, t, STAGES),
    ),
    'rkd': (1, {}, lambda s, t, parts: ce(s) + relations(s, t)),
    'sp': (1, {}, lambda s, t, parts: ce(s) + 3000 * similarities(s, t)),
    'cc': (
        1,
        {},
        lambda s, t, parts: ce(s) + 0.02 * congruence(s, t, parts['cc']),
    ),
    # torchdistill.
    'kd_in1k': (
        1,
        {},
        lambda s, t, parts: 0.5 * ce(s) + 0.5 * divergence(t.logits, s.logits),
    ),
    'at_in1k': (
        1,
        {},
        lambda s, t, parts: ce(s) + 1000 * attention(s, t, LAST),
    ),
    'one': (1, PEERS, lambda s, t, parts: all_classes(s) + ensemble(s, parts)),
}


def supervisions(method):
    init_default_scope('mmpretrain')
    path = CONFIGS / f'_base_/methods/{method}.py'
    parts = load_config(str(path)).method.supervisions
    if method == 'dhm':
        parts.dhm.dynamic = None
    return {name: MODELS.build(part) for name, part in parts.items()}


@pytest.mark.parametrize('method', FORMULAS)
def test_the_loss_is_that_of_the_source(method):
    views, branches, formula = FORMULAS[method]
    torch.manual_seed(fresh_seed())
    own = network(4, branches)
    theirs = network(6, dict.fromkeys(branches, 9))
    labels = torch.tensor([0, 2, 2, 1, 0])
    student = outputs(own, views, labels)
    student.teacher = outputs(theirs, views, labels)
    parts = supervisions(method)
    for part in parts.values():
        part.connect(own, theirs)
        part.double()
    loss = sum(sum(part(student)[0].values()) for part in parts.values())
    wanted = formula(student, student.teacher, parts)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_crd_has_the_settings_of_repdistiller():
    """What it does with them is compared step by step in test_crd.py."""
    crd = supervisions('crd')['crd']
    assert type(crd) is ContrastiveRepresentationDistillation
    found = (crd.weight, crd.temperature, crd.momentum)
    assert found == (0.8, 0.07, 0.5)
    assert (crd.num_negatives, crd.width) == (16384, 128)


@pytest.mark.parametrize(
    ('method', 'weight'), [('sskd', 0.1), ('sskd_in1k', 1)]
)
def test_sskd_has_the_settings_of_its_code(method, weight):
    """And of torchdistill; the algorithm as loops is in test_sskd.py."""
    parts = supervisions(method)
    assert parts['ce'].weight == weight
    kd, turned, table = (parts[k] for k in ('kd', 'turned', 'rotations'))
    assert (kd.weight, kd.temperature, kd.keep_wrong) == (0.9, 4, None)
    assert (turned.weight, turned.temperature) == (2.7, 4)
    assert (turned.views, turned.keep_wrong) == ((1, 2, 3), 1)
    assert (table.weight, table.temperature) == (10, 0.5)
    assert table.keep_wrong == 0.75
    leaf = load_config(str(CONFIGS / 'kd/sskd_r18_in1k.py'))
    assert leaf.optim_wrapper.optimizer.weight_decay == 5e-4
    assert set(leaf.model.supervisions) == set(parts)
