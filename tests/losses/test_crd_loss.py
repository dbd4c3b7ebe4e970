"""CRD's parts against a loop over three batches, and one at a time."""

import math
from collections import Counter

import pytest
import torch
from references import MemoryBank, dot

from cds_mm.losses import (
    bank_scores,
    momentum_update,
    nce_loss,
    sample_negatives,
    unit_rows,
)
from cds_mm.testing import fresh_generator, random_units


def random_bank(size, width, generator):
    bound = 1 / math.sqrt(width / 3)
    shape = (size, width)
    noise = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (2 * noise - 1) * bound


def test_three_batches_equal_the_loop():
    generator = fresh_generator()
    size, width, negatives, eps = 20, 6, 7, 1e-7
    labels = torch.arange(size) % 3
    banks = [random_bank(size, width, generator) for _ in range(2)]
    naive = [MemoryBank(bank) for bank in banks]
    constants = [None, None]
    for _ in range(3):
        images = torch.randperm(size, generator=generator)[:4]
        drawn = sample_negatives(labels, labels[images], negatives, generator)
        rows = torch.cat([images.unsqueeze(1), drawn.indices], 1)
        units = [random_units(4, width, generator) for _ in range(2)]
        opposite = [side.bank for side in reversed(naive)]
        for side in range(2):
            raw = bank_scores(banks[1 - side], rows, units[side], chunk=3)
            constants[side] = constants[side] or size * raw.mean()
            loss = nce_loss(raw / constants[side], 1 / size, negatives, eps)
            pairs = zip(rows.tolist(), units[side].tolist(), strict=True)
            expected = naive[side].loss(
                [naive[side].scores(opposite[side], *pair) for pair in pairs],
                eps,
            )
            assert float(loss) == pytest.approx(expected, rel=1e-9)
        for side in range(2):
            momentum_update(banks[side], images, units[side])
            for image, row in zip(images, units[side].tolist(), strict=True):
                naive[side].update(image, row)
            expected = torch.tensor(naive[side].bank, dtype=torch.float64)
            torch.testing.assert_close(banks[side], expected)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ('size', 'negatives', 'eps', 'expected'),
    [
        (50_000, 16_384, 0, 10.704091),
        (1_281_167, 16_384, 0, 10.704091),
        (50_000, 16_384, 1e-7, 10.709091),
        (1_281_167, 16_384, 1e-7, 10.832207),
        (10, 4, 0, 2.502013),
    ],
)
def test_uniform_scores(size, negatives, eps, expected, dtype):
    scores = torch.full((3, negatives + 1), 1 / size, dtype=dtype)
    loss = nce_loss(scores, 1 / size, negatives, eps)
    assert loss.dtype == dtype
    assert float(loss) == pytest.approx(expected, abs=1e-5)
    analytic = math.log(1 + negatives)
    analytic += negatives * math.log1p(1 / negatives)
    if eps == 0:
        assert float(loss) == pytest.approx(analytic, abs=1e-5)


def test_a_bank_of_one_vector_has_uniform_scores():
    generator = fresh_generator()
    bank = random_units(1, 8, generator, torch.float32).repeat(10, 1)
    units = random_units(3, 8, generator, torch.float32)
    rows = torch.randint(0, 10, (3, 5), generator=generator)
    losses = []
    for side in units, units.roll(1, 0):
        raw = bank_scores(bank, rows, side)
        # Z makes them uniform for each image by itself.
        uniform = raw / (10 * raw.mean(1, keepdim=True))
        losses.append(float(nce_loss(uniform, 1 / 10, 4, 0)))
    assert sum(losses) == pytest.approx(5.004026, abs=1e-5)


@pytest.mark.parametrize('chunk', [1, 4, 100])
def test_scores_and_their_gradient(chunk):
    generator = fresh_generator()
    bank = random_bank(30, 5, generator).requires_grad_()
    units = random_units(3, 5, generator).requires_grad_()
    rows = torch.randint(0, 30, (3, 9), generator=generator)
    scores = bank_scores(bank, rows, units, 0.3, chunk)
    for b in range(3):
        for j in range(9):
            similarity = dot(bank[rows[b, j]].tolist(), units[b].tolist())
            expected = math.exp(similarity / 0.3)
            entry = float(scores[b, j].detach())
            assert entry == pytest.approx(expected, rel=1e-9)
    scores.sum().backward()
    assert bank.grad is None
    own = (scores / 0.3).unsqueeze(2) * bank[rows]
    torch.testing.assert_close(units.grad, own.sum(1).detach())


def test_finite_differences():
    generator = fresh_generator()
    bank = random_bank(12, 3, generator)
    raw = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    rows = torch.randint(0, 12, (3, 5), generator=generator)

    def loss(vectors):
        scores = bank_scores(bank, rows, unit_rows(vectors), 0.5, chunk=2)
        return nce_loss(scores / 15, 1 / 12, 4)

    assert torch.autograd.gradcheck(loss, raw.requires_grad_())


def test_the_bank_may_move_before_the_backward_pass():
    generator = fresh_generator()
    rows = torch.randint(0, 12, (3, 5), generator=generator)
    images = rows[:, 0].unique()
    bank, units = random_bank(12, 3, generator), random_units(3, 3, generator)
    new = random_units(len(images), 3, generator)
    gradients = []
    for moves in (False, True):
        moving = bank.clone()
        leaf = units.clone().requires_grad_()
        loss = nce_loss(bank_scores(moving, rows, leaf) / 15, 1 / 12, 4)
        if moves:
            momentum_update(moving, images, new)
            assert not torch.equal(moving, bank)
        loss.backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


def test_autocast_and_half_precision():
    generator = fresh_generator()
    bank = random_bank(12, 64, generator).half()
    rows = torch.randint(0, 12, (3, 5), generator=generator)
    units = random_units(3, 64, generator, torch.float32).bfloat16()
    expected = bank_scores(bank.float(), rows, units.float())
    with torch.autocast('cpu', torch.bfloat16):
        scores = bank_scores(bank, rows, units)
        loss = nce_loss(scores / 100, 1 / 12, 4)
    assert scores.dtype == loss.dtype == torch.float32
    torch.testing.assert_close(scores, expected)
    momentum_update(bank, rows[:, 0], units)
    assert bank.dtype == torch.float16
    lengths = bank[rows[:, 0]].float().norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(3), rtol=0, atol=1e-3)
    # The largest exponent there is, beyond what fp16 holds.
    one = torch.ones(1, 1).half()
    raw = bank_scores(one, torch.tensor([[0]]), one)
    assert float(raw) == pytest.approx(math.exp(1 / 0.07), rel=1e-4)


@pytest.mark.parametrize('value', [0.0, 1e-30, 1.0, 1e30])
def test_degenerate_scores(value):
    scores = torch.full((2, 4), value).requires_grad_()
    loss = nce_loss(scores, 0.1, 3)
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.isfinite().all()


def test_degenerate_rows():
    bank = torch.zeros(4, 3)
    units = torch.zeros(2, 3).requires_grad_()
    rows = torch.tensor([[0, 1], [2, 3]])
    loss = nce_loss(bank_scores(bank, rows, units) / 4, 1 / 4, 1)
    loss.backward()
    assert loss.isfinite()
    assert units.grad.isfinite().all()
    bank[1] = torch.tensor([1.0, 0, 0])
    # Half of a row and half of its opposite is nothing.
    momentum_update(
        bank, torch.tensor([0, 1]), torch.tensor([[0.0, 0, 0], [-1, 0, 0]])
    )
    assert (bank == 0).all()


@pytest.mark.parametrize('momentum', [0.0, 0.5, 0.9])
def test_update_of_the_batch_alone(momentum):
    generator = fresh_generator()
    bank = random_bank(9, 4, generator)
    before = bank.clone()
    storage = bank.data_ptr()
    images = torch.tensor([7, 2, 5])
    units = random_units(3, 4, generator).requires_grad_()
    momentum_update(bank, images, units, momentum)
    assert bank.data_ptr() == storage
    assert not bank.requires_grad
    others = [0, 1, 3, 4, 6, 8]
    assert torch.equal(bank[others], before[others])
    mixed = momentum * before[images] + (1 - momentum) * units.detach()
    expected = mixed / mixed.norm(dim=1, keepdim=True)
    torch.testing.assert_close(bank[images], expected)


def test_a_repeated_row_moves_once():
    generator = fresh_generator()
    bank = random_bank(9, 4, generator)
    units = random_units(5, 4, generator)
    expected = bank.clone()
    momentum_update(expected, torch.tensor([7, 2, 0]), units[[0, 1, 3]])
    momentum_update(bank, torch.tensor([7, 2, 7, 0, 2]), units)
    assert torch.equal(bank, expected)


def check_negatives(drawn, all_labels, labels, negatives):
    assert drawn.indices.shape == (len(labels), negatives)
    own = all_labels[drawn.indices] == labels.unsqueeze(1)
    assert not own.any()
    for row, label in enumerate(labels):
        candidates = int((all_labels != label).sum())
        assert int(drawn.candidates[row]) == candidates
        if candidates >= negatives:
            assert len(set(drawn.indices[row].tolist())) == negatives


@pytest.mark.parametrize('chunk', [1, 3, 16])
@pytest.mark.parametrize('negatives', [1, 20, 46, 60])
def test_negatives(negatives, chunk):
    generator = fresh_generator()
    # 5 of class 0, 14 of class 1, ...: 46 is enough for two of them only.
    sizes = torch.tensor([5, 14, 14, 27])
    all_labels = torch.arange(4).repeat_interleave(sizes)
    all_labels = all_labels[torch.randperm(60, generator=generator)]
    labels = torch.tensor([0, 3, 1, 2, 3, 0, 0])
    drawn = sample_negatives(all_labels, labels, negatives, generator, chunk)
    check_negatives(drawn, all_labels, labels, negatives)


def test_all_candidates_are_drawn_when_all_are_asked_for():
    all_labels = torch.tensor([0, 1, 2, 0, 1, 2])
    drawn = sample_negatives(
        all_labels, torch.tensor([1]), 4, fresh_generator()
    )
    assert sorted(drawn.indices[0].tolist()) == [0, 2, 3, 5]


@pytest.mark.parametrize('negatives', [3, 12])
def test_negatives_are_uniform_and_independent(negatives):
    generator = fresh_generator()
    all_labels = torch.tensor([0, 1, 0, 1, 2, 1, 2, 2, 2, 2])
    labels = torch.zeros(4000, dtype=torch.int64)
    drawn = sample_negatives(all_labels, labels, negatives, generator, 4000)
    counts = Counter(drawn.indices.flatten().tolist())
    assert sorted(counts) == [1, 3, 4, 5, 6, 7, 8, 9]
    expected = 4000 * negatives / 8
    # Six standard deviations of a binomial count.
    for count in counts.values():
        assert abs(count - expected) < 6 * math.sqrt(expected)
    sets = {tuple(sorted(row)) for row in drawn.indices.tolist()}
    assert len(sets) > 50


def test_a_generator_repeats_its_draw():
    all_labels = torch.arange(40) % 4
    labels = torch.tensor([0, 1])
    seed = fresh_generator().initial_seed()
    first, second, other = (
        sample_negatives(
            all_labels, labels, 9, torch.Generator().manual_seed(s)
        ).indices
        for s in (seed, seed, seed + 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_one_class_is_told():
    labels = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(ValueError, match='no image of another class'):
        sample_negatives(labels, labels, 2, fresh_generator())
