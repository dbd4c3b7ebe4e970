"""What a supervision reads and the network lacks is one clear error."""

from dataclasses import replace

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
    with pytest.raises(UserError, match='the model has no head.* set'):
        CrossEntropySupervision()(BARE)


def test_no_neck():
    with pytest.raises(UserError, match='the model has no neck.* set'):
        CorrelationCongruence()(BARE)


def test_no_teacher():
    with pytest.raises(ValueError, match='without those of a teacher'):
        LogitDistillation()(BARE)


def test_a_teacher_that_lacks_something_is_named():
    whose = 'teacher kd_r50.py'
    lacking = replace(BARE, teacher=replace(BARE, whose=whose))
    with pytest.raises(UserError, match='teacher kd_r50.py has no head'):
        LogitDistillation()(lacking)


def test_no_teacher_to_connect_with():
    with pytest.raises(UserError, match='no teacher; set model.teacher'):
        ContrastiveRepresentationDistillation().connect(SPEC)


def test_stages_are_chosen_anew_for_each_network():
    supervision = SimilarityPreserving()
    supervision.connect(SPEC, SPEC)
    other = NetworkSpec({'stage2': StageSpec(4, 2)}, 3)
    supervision.connect(other, other)
    assert list(supervision.stages) == ['stage2']


def test_stages_that_are_not_chosen_are_no_loss_of_zero():
    taught = replace(BARE, teacher=BARE)
    with pytest.raises(AttributeError, match='stages'):
        SimilarityPreserving()(taught)
