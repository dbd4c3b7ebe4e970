"""What a supervision reads and the network lacks is one clear error."""

import pytest
import torch

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.errors import UserError
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import (
    ContrastiveRepresentationDistillation,
    CorrelationCongruence,
    CrossEntropySupervision,
    LogitDistillation,
    SimilarityPreserving,
)

BARE = StageOutputs(torch.zeros(2).long(), torch.arange(2))
SPEC = NetworkSpec({'stage1': StageSpec(4, 2)}, 3)


def test_no_head():
    with pytest.raises(UserError, match='no head; set model.head'):
        CrossEntropySupervision()(BARE)


def test_no_neck():
    with pytest.raises(UserError, match='no neck; set model.neck'):
        CorrelationCongruence()(BARE)


def test_no_teacher():
    with pytest.raises(UserError, match='no teacher; set model.teacher'):
        LogitDistillation()(BARE)


@pytest.mark.parametrize(
    'kind',
    [
        ContrastiveRepresentationDistillation,
        CorrelationCongruence,
        SimilarityPreserving,
    ],
)
def test_no_teacher_to_connect_with(kind):
    with pytest.raises(UserError, match='no teacher; set model.teacher'):
        kind().connect(SPEC)


def test_stages_are_chosen_anew_for_each_network():
    supervision = SimilarityPreserving()
    supervision.connect(SPEC, SPEC)
    other = NetworkSpec({'stage2': StageSpec(4, 2)}, 3)
    supervision.connect(other, other)
    assert supervision.stages == ['stage2']
