"""AT, SP, KD, RKD, CC, distilled CDS: what is read of the teacher, widths."""

import pytest
import torch

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.errors import UserError
from cds_mm.losses import (
    attention_transfer_loss,
    correlation_congruence_loss,
    feature_regression_loss,
    relational_angle_loss,
    relational_distance_loss,
    similarity_preserving_loss,
    unit_rows,
)
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import (
    AttentionTransfer,
    CorrelationCongruence,
    LogitDistillation,
    RelationalDistillation,
    SimilarityPreserving,
    StageDistillation,
)
from cds_mm.testing import fresh_seed

VIEWS, IMAGES = 2, 4
ROWS = VIEWS * IMAGES


def network(width, branch):
    stages = {
        'stage3': StageSpec(width, 16),
        'stage4': StageSpec(2 * width, 32),
    }
    return NetworkSpec(stages, 5, {'stage3': branch, 'stage4': branch})


STUDENT, TEACHER = network(6, 8), network(10, 12)


def side(spec):
    maps = {
        name: torch.randn(ROWS, stage.channels, 64 // stage.stride, 2)
        for name, stage in spec.stages.items()
    }
    branches = {n: torch.randn(ROWS, d) for n, d in spec.branches.items()}
    tensors = dict(
        logits=torch.randn(ROWS, 5),
        embedding=torch.randn(ROWS, spec.last.channels),
    )
    for tensor in (*maps.values(), *branches.values(), *tensors.values()):
        tensor.requires_grad_()
    return StageOutputs(
        labels=torch.arange(IMAGES),
        sample_idx=torch.arange(IMAGES),
        num_views=VIEWS,
        maps=maps,
        branches=branches,
        **tensors,
    )


@pytest.fixture
def seen():
    torch.manual_seed(fresh_seed())
    outputs = side(STUDENT)
    outputs.teacher = side(TEACHER)
    return outputs


def leaves(outputs):
    return [
        outputs.logits,
        outputs.embedding,
        *outputs.maps.values(),
        *outputs.branches.values(),
    ]


def connected(supervision, teacher=TEACHER):
    torch.manual_seed(fresh_seed())
    supervision.connect(STUDENT, teacher)
    return supervision


KINDS = [
    AttentionTransfer,
    CorrelationCongruence,
    LogitDistillation,
    RelationalDistillation,
    SimilarityPreserving,
    StageDistillation,
]


@pytest.mark.parametrize('kind', KINDS)
def test_the_teacher_feels_nothing_and_the_first_view_counts(kind, seen):
    supervision = connected(kind())
    losses, counters = supervision(seen)
    assert counters == {}
    sum(losses.values()).backward()
    assert all(tensor.grad is None for tensor in leaves(seen.teacher))
    felt = [t.grad for t in leaves(seen) if t.grad is not None]
    assert felt and all(grad.isfinite().all() for grad in felt)
    assert all(grad[:IMAGES].abs().sum() > 0 for grad in felt)
    second = [float(grad[IMAGES:].abs().sum()) for grad in felt]
    # Projections are compared on all views, as in the released code.
    assert all(s > 0 for s in second) == (kind is StageDistillation)
    for parameter in supervision.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ('kind', 'line'),
    [
        (AttentionTransfer, 'AttentionTransfer x 7 on stage3, stage4'),
        (CorrelationCongruence, 'correlations x 7, mode rd'),
        (LogitDistillation, "teacher's logits x 7 by kl, temperature 4"),
        (SimilarityPreserving, 'SimilarityPreserving x 7 on stage3, stage4'),
        (
            StageDistillation,
            "teacher's projections x 7 on stage3, stage4, form fro",
        ),
    ],
)
def test_the_line_of_the_log_has_the_weight(kind, line):
    assert connected(kind(weight=7.0)).describe() == line


def test_the_line_of_the_log_has_both_weights_of_relations():
    relations = RelationalDistillation(distance_weight=7, angle_weight=9)
    assert connected(relations).describe() == (
        'relations of embeddings, distances x 7, angles x 9'
    )


@pytest.mark.parametrize('kind', KINDS)
def test_a_model_without_a_teacher_is_refused(kind):
    with pytest.raises(UserError, match='no teacher; set model.teacher'):
        kind().connect(STUDENT)


def first(tensor):
    return tensor[:IMAGES]


def test_maps(seen):
    losses, _ = connected(AttentionTransfer(weight=2.0))(seen)
    assert list(losses) == ['stage3', 'stage4']
    ours, theirs = seen.maps, seen.teacher.maps
    for name, loss in losses.items():
        pair = first(ours[name]), first(theirs[name])
        torch.testing.assert_close(loss, 2 * attention_transfer_loss(*pair))
    losses, _ = connected(SimilarityPreserving(stages=('stage4',)))(seen)
    assert list(losses) == ['stage4']
    pair = first(ours['stage4']), first(theirs['stage4'])
    wanted = 3000 * similarity_preserving_loss(*pair)
    torch.testing.assert_close(losses['stage4'], wanted)


def test_embeddings(seen):
    pair = first(seen.embedding), first(seen.teacher.embedding)
    losses, _ = connected(RelationalDistillation())(seen)
    wanted = {
        'distance': 25 * relational_distance_loss(*pair),
        'angle': 50 * relational_angle_loss(*pair),
    }
    torch.testing.assert_close(losses, wanted)
    losses, _ = connected(RelationalDistillation(normalise=True))(seen)
    units = [unit_rows(rows) for rows in pair]
    wanted = 25 * relational_distance_loss(*units)
    torch.testing.assert_close(losses['distance'], wanted)
    congruence = connected(CorrelationCongruence(width=7))
    ours = congruence.student_embed(pair[0])
    theirs = congruence.teacher_embed(pair[1])
    wanted = 0.02 * correlation_congruence_loss(ours, theirs, 'rd')
    torch.testing.assert_close(congruence(seen)[0][''], wanted)


def test_projections_through_adapters(seen):
    stages = connected(StageDistillation(weight=0.5))
    losses, _ = stages(seen)
    assert list(losses) == ['stage3', 'stage4']
    for name, loss in losses.items():
        adapter = stages.adapters[name]
        assert (adapter.in_features, adapter.out_features) == (8, 12)
        wanted = 0.5 * feature_regression_loss(
            adapter(unit_rows(seen.branches[name])),
            unit_rows(seen.teacher.branches[name]),
        )
        torch.testing.assert_close(loss, wanted)


def test_equal_projections_need_no_adapter(seen):
    stages = connected(StageDistillation(), teacher=STUDENT)
    assert not list(stages.parameters())
    seen.teacher = seen
    for loss in stages(seen)[0].values():
        assert loss.item() == pytest.approx(0, abs=1e-5)
    always = connected(StageDistillation(always_adapt=True), teacher=STUDENT)
    assert sum(p.numel() for p in always.parameters()) == 2 * (8 * 8 + 8)


def test_a_teacher_that_lacks_something():
    plain = NetworkSpec(TEACHER.stages, 5)
    with pytest.raises(UserError, match='no branch stage3, stage4.*CDS'):
        StageDistillation().connect(STUDENT, plain)
    shallow = NetworkSpec({'stage4': StageSpec(20, 32)}, 5)
    with pytest.raises(UserError, match='stage3, stage4, the teacher stage4'):
        AttentionTransfer().connect(STUDENT, shallow)
    with pytest.raises(UserError, match='stage9: the model gives'):
        AttentionTransfer(stages=('stage9',)).connect(STUDENT, TEACHER)


def renamed(spec, *names):
    """The same network under other names, as those of another family."""
    stages = dict(zip(names, spec.stages.values(), strict=True))
    branches = dict(zip(names, spec.branches.values(), strict=True))
    return NetworkSpec(stages, spec.num_classes, branches)


@pytest.mark.parametrize(
    'kind, settings',
    [
        (AttentionTransfer, dict()),
        (AttentionTransfer, dict(stages=2)),
        (SimilarityPreserving, dict(stages=1)),
        (StageDistillation, dict()),
    ],
)
def test_a_teacher_whose_stages_have_other_names(kind, settings, seen):
    plain = connected(kind(**settings))
    expected, _ = plain(seen)
    other = renamed(TEACHER, 'stage5', 'stage7')
    supervision = connected(kind(**settings), other)
    supervision.load_state_dict(plain.state_dict())
    teacher = seen.teacher
    for kept in (teacher.maps, teacher.branches):
        for ours, theirs in (('stage3', 'stage5'), ('stage4', 'stage7')):
            kept[theirs] = kept.pop(ours)
    losses, _ = supervision(seen)
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        assert torch.equal(loss, expected[name])


def test_the_last_stages_of_unlike_networks(seen):
    supervision = connected(SimilarityPreserving(stages=1))
    assert supervision.describe() == 'SimilarityPreserving x 3000 on stage4'
    other = renamed(TEACHER, 'stage5', 'stage7')
    supervision = connected(SimilarityPreserving(stages=1), other)
    assert supervision.describe() == (
        "SimilarityPreserving x 3000 on stage4 (the teacher's stage7)"
    )
    longer = NetworkSpec({**TEACHER.stages, 'stage5': StageSpec(9, 64)}, 5)
    with pytest.raises(UserError, match='all stages: .*stages to a number'):
        AttentionTransfer().connect(
            renamed(STUDENT, 'stage6', 'stage7'), longer
        )
    with pytest.raises(UserError, match='the last 3 stages: the model gives'):
        AttentionTransfer(stages=3).connect(STUDENT, TEACHER)
    with pytest.raises(UserError, match='must be a list.*or a whole number'):
        AttentionTransfer(stages=0)


def test_branches_that_a_config_names_are_those_of_the_teacher():
    other = renamed(TEACHER, 'stage5', 'stage7')
    chosen = StageDistillation(branches=('stage3',))
    with pytest.raises(UserError, match='no branch stage3'):
        chosen.connect(STUDENT, other)
    rotations = NetworkSpec(TEACHER.stages, 5, dict(a=8, b=8))
    with pytest.raises(UserError, match='on as many stages'):
        StageDistillation().connect(STUDENT, rotations)
