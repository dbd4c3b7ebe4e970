"""Losses and scores against libraries of others, values and gradients.

Beside the loops of this project, which are of the same hand as the code.
Where a library computes something else, the test says what and why.
"""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import SupConLoss
from torchdistill.losses import mid_level

from cds_mm.evaluation import expected_calibration_error
from cds_mm.losses import (
    attention_transfer_loss,
    bank_scores,
    contrastive_loss,
    correlation_congruence_loss,
    labelled_cross_entropy,
    momentum_update,
    nce_loss,
    relational_angle_loss,
    relational_distance_loss,
    similarity_preserving_loss,
    softened_divergence,
    unit_rows,
)
from cds_mm.testing import fresh_generator, random_units

SIDE = dict(path='layer', io='output')


def randn(*shape, generator=None):
    return torch.randn(
        shape, generator=generator or fresh_generator(), dtype=torch.float64
    )


def assert_equal(ours, theirs, *inputs, factor=1.0, rtol=1e-9):
    """``ours == factor * theirs``, and their gradients for each input."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    values = ours(*leaves), factor * theirs(*leaves)
    torch.testing.assert_close(*values, rtol=rtol, atol=1e-12)
    gradients = [torch.autograd.grad(value, leaves) for value in values]
    for mine, other in zip(*gradients, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(mine, other, rtol=rtol, atol=1e-11)


def of_layers(loss):
    """A loss of torchdistill as a function of student and teacher."""

    def function(student, teacher, *args):
        sides = ({'layer': {'output': x}} for x in (student, teacher))
        return loss(*sides, *args)

    return function


@pytest.mark.parametrize('num_views', [1, 2])
@pytest.mark.parametrize('temperature', [0.07, 0.5])
def test_supcon(num_views, temperature):
    generator = fresh_generator()
    ids = torch.randint(0, 4, (9,), generator=generator)
    # An image without a partner: with one view an anchor without positive.
    ids[0] = 7
    rows = randn(num_views * 9, 6, generator=generator)
    library = SupConLoss(temperature)

    def ours(rows, base_temperature=None):
        return contrastive_loss(
            unit_rows(rows), ids, temperature, base_temperature
        )

    def theirs(rows):
        return library(rows, ids.repeat(num_views))

    assert_equal(ours, theirs, rows)
    # It has no base temperature, by which SupCon's code divides.
    assert_equal(
        lambda rows: ours(rows, 0.1),
        theirs,
        rows,
        factor=temperature / 0.1,
    )


def test_supcon_of_one_class_is_zero_in_the_library():
    # It asks for a negative; the formula does not (the log of the others).
    rows = randn(6, 4)
    ids = torch.zeros(3, dtype=torch.long)
    assert float(SupConLoss()(rows, ids.repeat(2))) == 0
    assert float(contrastive_loss(unit_rows(rows), ids)) > 0


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_kd(temperature):
    generator = fresh_generator()
    student, teacher = 3 * randn(2, 8, 5, generator=generator)
    labels = torch.randint(0, 5, (8,), generator=generator)
    sides = ('layer', 'output') * 2
    both = mid_level.KDLoss(*sides, temperature, alpha=0.1)

    def ours(logits):
        hard = labelled_cross_entropy(logits, labels)
        soft = softened_divergence(teacher, logits, temperature)
        return 0.1 * hard + 0.9 * soft

    assert_equal(ours, lambda x: of_layers(both)(x, teacher, labels), student)
    # Without the labels' part it leaves out T^2, which ours keeps.
    soft = mid_level.KDLoss(*sides, temperature, beta=1.0)
    assert_equal(
        lambda x: softened_divergence(teacher, x, temperature),
        lambda x: of_layers(soft)(x, teacher),
        student,
        factor=temperature**2,
    )


@pytest.mark.parametrize('mode', ['code', 'paper'])
def test_at(mode):
    # It has no pooling: maps of one size.
    generator = fresh_generator()
    student = randn(5, 3, 4, 2, generator=generator)
    teacher = randn(5, 6, 4, 2, generator=generator)
    pair = dict(student=SIDE, teacher=SIDE)
    library = of_layers(mid_level.ATLoss({'pair': pair}, mode))
    assert_equal(
        lambda x: attention_transfer_loss(x, teacher, mode),
        lambda x: library(x, teacher),
        student,
    )


@pytest.mark.parametrize(
    ('ours', 'factors'),
    [(relational_distance_loss, (1, 0)), (relational_angle_loss, (0, 1))],
)
def test_rkd(ours, factors):
    generator = fresh_generator()
    student = randn(7, 3, generator=generator)
    teacher = randn(7, 5, generator=generator)
    student[2] *= 50  # beyond the quadratic part
    library = of_layers(mid_level.RKDLoss('layer', 'layer', *factors, 'mean'))
    # Its distances are roots of x.x + y.y - 2 x.y, which cancels.
    assert_equal(
        lambda x: ours(x, teacher),
        lambda x: library(x, teacher),
        student,
        rtol=1e-7,
    )


def sp_maps():
    generator = fresh_generator()
    student = randn(5, 3, 2, 2, generator=generator)
    return student, randn(5, 4, 3, 3, generator=generator)


SP = mid_level.SPKDLoss('layer', 'layer', 'batchmean')


def test_sp(monkeypatch):
    """But for the norm of a row, which torchdistill mistakes.

    It calls ``normalize(similarities, 1)``, and that 1 is p, not the
    dimension: rows are divided by the sum of their absolute values, where
    the paper (eq. 3) divides by their length.
    """
    student, teacher = sp_maps()
    library = of_layers(SP)
    found = float(similarity_preserving_loss(student, teacher))
    assert float(library(student, teacher)) != pytest.approx(found, rel=0.1)
    monkeypatch.setattr(
        mid_level, 'normalize', lambda rows, _: F.normalize(rows, p=2, dim=1)
    )
    assert_equal(
        lambda x: similarity_preserving_loss(x, teacher),
        lambda x: library(x, teacher),
        student,
    )


def test_the_norm_that_torchdistill_divides_by_in_sp():
    student, teacher = sp_maps()
    sides = (m.flatten(1) @ m.flatten(1).T for m in (student, teacher))
    tables = [g / g.abs().sum(1, keepdim=True) for g in sides]
    expected = (tables[0] - tables[1]).square().mean()
    torch.testing.assert_close(of_layers(SP)(student, teacher), expected)


@pytest.mark.parametrize('mode', ['gaussian', 'bilinear'])
def test_cc(mode):
    # Its root of the sum of squares is over B^2 too: squared=False.  It takes
    # the rows as they are, so that its Gaussian is one for unit rows alone.
    generator = fresh_generator()
    sides = [random_units(6, width, generator) for width in (4, 7)]
    kernel = dict(type=mode, gamma=0.4, max_p=2)
    library = of_layers(
        mid_level.CCKDLoss('layer', 'layer', kernel, 'batchmean')
    )

    def units(*rows):
        return [unit_rows(some) for some in rows]

    assert_equal(
        lambda *rows: correlation_congruence_loss(
            *units(*rows), mode, squared=False
        ),
        lambda *rows: library(*units(*rows)),
        *sides,
    )
    # Ours squared is the paper's: B^2 times the square of the library's.
    squared = correlation_congruence_loss(*sides, mode)
    torch.testing.assert_close(squared, 6**2 * library(*sides).square())


class Crd:
    """CRD of this package, with banks of its own."""

    def __init__(self, student_bank, teacher_bank):
        self.banks = [student_bank.clone(), teacher_bank.clone()]
        self.constants = [None, None]

    def __call__(self, rows, *sides):
        size, negatives = len(self.banks[0]), rows.size(1) - 1
        total = 0
        for side, units in enumerate(sides):
            raw = bank_scores(self.banks[1 - side], rows, units)
            if self.constants[side] is None:
                self.constants[side] = size * raw.detach().mean()
            scores = raw / self.constants[side]
            total = total + nce_loss(scores, 1 / size, negatives)
        for bank, units in zip(self.banks, sides, strict=True):
            momentum_update(bank, rows[:, 0], units)
        return total


def test_three_steps_of_crd():
    generator = fresh_generator()
    size, width, negatives = 20, 6, 7
    library = mid_level.CRDLoss(
        'layer', 'empty', 'layer', width, size, negatives, size
    ).double()
    # It keeps its settings in a tensor of float32, in which 0.07 is not.
    library.params[1] = 0.07
    ours = Crd(library.memory_v1, library.memory_v2)
    for _ in range(3):
        images = torch.randperm(size, generator=generator)[:4]
        drawn = torch.randint(size, (4, negatives), generator=generator)
        rows = torch.cat([images[:, None], drawn], 1)

        def theirs(student, teacher, images=images, rows=rows):
            indices = dict(pos_idx=images, contrast_idx=rows)
            return library(
                {'layer': {'output': student}, 'empty': {'input': indices}},
                {'layer': {'output': teacher}},
            ).squeeze()

        assert_equal(
            lambda *sides, rows=rows: ours(rows, *sides),
            theirs,
            random_units(4, width, generator),
            random_units(4, width, generator),
        )
        # What it does with its constants keeps the graph of the first step.
        library.params = library.params.detach()
        for bank, other in zip(
            ours.banks, (library.memory_v1, library.memory_v2), strict=True
        ):
            torch.testing.assert_close(bank, other)


@pytest.mark.parametrize('bins', [1, 10, 15])
def test_ece(bins):
    # Takes seconds to import.
    from torchmetrics.functional.classification import (
        multiclass_calibration_error,
    )

    logits = 2 * randn(400, 7)
    labels = torch.randint(0, 7, (400,), generator=fresh_generator())
    probabilities = logits.softmax(1)
    theirs = multiclass_calibration_error(probabilities, labels, 7, bins, 'l1')
    found = expected_calibration_error(probabilities, labels, bins)
    assert found == pytest.approx(float(theirs), abs=1e-6)


def test_an_edge_belongs_to_the_bin_above_in_torchmetrics():
    """Ours are (lo, hi] as in the paper, theirs [lo, hi).

    So a confidence of exactly 1 has a bin of its own there, and a network
    that is sure of all has not one bin but two.
    """
    from torchmetrics.functional.classification import (
        multiclass_calibration_error,
    )

    sure = torch.tensor([[1.0, 0.0], [0.95, 0.05]])
    labels = torch.tensor([1, 0])
    # One bin: |1/2 - 0.975|.  Two: (|0 - 1| + |1 - 0.95|) / 2.
    found = expected_calibration_error(sure, labels, 10)
    assert found == pytest.approx(0.475)
    theirs = multiclass_calibration_error(sure, labels, 2, 10, 'l1')
    assert float(theirs) == pytest.approx(0.525)
