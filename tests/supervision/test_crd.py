"""CRD as a whole against a loop in Python, and what is kept of it."""

import math

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import get_priority
from mmengine.runner.checkpoint import load_state_dict
from references import MemoryBank, dot, unit

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.data.seeding import seeded_generator
from cds_mm.errors import UserError
from cds_mm.hooks import TrainingLabelsHook
from cds_mm.losses import sample_negatives
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import ContrastiveRepresentationDistillation
from cds_mm.testing import fresh_generator, run_ranks

STUDENT = NetworkSpec({'stage4': StageSpec(6, 32)}, 4)
TEACHER = NetworkSpec({'stage4': StageSpec(9, 32)}, 4)
SIZE, WIDTH, NEGATIVES = 20, 5, 7
LABELS = torch.arange(SIZE) % 4
# Uneven halves, a last batch that is padded with an image of the same rank,
# and one with an image on both.
BATCHES = [
    ([3, 8, 5, 14], [0, 19]),
    ([1, 2, 3], [8, 4, 1]),
    ([7, 5, 7], [6, 7, 6]),
]


def crd(labels=LABELS, **changes):
    """Connected, in float64; ``labels`` of None: to the networks alone."""
    settings = dict(num_negatives=NEGATIVES, width=WIDTH) | changes
    supervision = ContrastiveRepresentationDistillation(**settings)
    supervision.connect(STUDENT, TEACHER)
    supervision.double()
    if labels is not None:
        supervision.connect_data(labels)
    return supervision


def seen(images, vectors=None, labels=LABELS):
    """What the networks show of some images; vectors of two views at most."""
    rows = torch.tensor(images)
    ours, theirs = vectors or (torch.randn(len(images), 6).double(), None)
    if theirs is None:
        theirs = torch.randn(len(ours), 9).double()
    both = dict(sample_idx=rows, num_views=len(ours) // len(rows))
    both['labels'] = labels[rows % len(labels)]
    return StageOutputs(
        embedding=ours.clone().requires_grad_(),
        teacher=StageOutputs(
            embedding=theirs.clone().requires_grad_(), **both
        ),
        **both,
    )


def random_vectors(count, generator):
    return tuple(
        torch.randn(count, width, generator=generator, dtype=torch.float64)
        for width in (6, 9)
    )


def total(losses):
    return sum(losses.values())


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(fresh_generator().initial_seed())


# The loop: lists of Python floats, one number after the other.


class Loop:
    """Both sides, 0 for the student and 1 for the teacher."""

    def __init__(self, state):
        sides = ('student', 'teacher')
        self.banks = [MemoryBank(state[f'{s}.bank']) for s in sides]
        self.matrices = [state[f'{s}.embed.weight'].tolist() for s in sides]
        self.biases = [state[f'{s}.embed.bias'].tolist() for s in sides]
        self.seed, self.step = int(state['seed']), 0

    def embed(self, side, vector):
        pairs = zip(self.matrices[side], self.biases[side], strict=True)
        found = unit([dot(row, vector) + bias for row, bias in pairs])
        return [float(x) for x in found]

    def losses(self, parts):
        """[rank][side] of a step; parts[rank] = images, two of vectors."""
        raw = [[[], []] for _ in parts]
        moved = [{}, {}]
        for rank, (images, vectors) in enumerate(parts):
            generator = seeded_generator('cpu', self.seed, self.step, rank)
            negatives = sample_negatives(
                LABELS, LABELS[images], NEGATIVES, generator
            ).indices.tolist()
            for b, image in enumerate(images):
                rows = [image, *negatives[b]]
                for side, bank in enumerate(self.banks):
                    own = self.embed(side, vectors[side][b].tolist())
                    opposite = self.banks[1 - side].bank
                    raw[rank][side].append(bank.scores(opposite, rows, own))
                    moved[side].setdefault(image, own)
        self.step += 1
        for side, rows in enumerate(moved):
            for image, new in rows.items():
                self.banks[side].update(image, new)
        # The constants are those of the images of all ranks.
        every = [[row for r in raw for row in r[side]] for side in range(2)]
        return [
            [
                0.8 * self.banks[side].loss(rows, every=every[side])
                for side, rows in enumerate(of_rank)
            ]
            for of_rank in raw
        ]


def steps(supervision, parts):
    """What the module says of its part of each step."""
    losses = []
    for images, vectors in parts:
        found, counters = supervision(seen(images, vectors))
        assert list(found) == ['student', 'teacher'] and counters == {}
        losses.append([float(loss.detach()) for loss in found.values()])
    return losses


def on_rank(rank, parts):
    # Another generator on each rank: what is random comes from the first.
    torch.manual_seed(rank)
    supervision = crd()
    # As the host does with parameters.
    for name, tensor in supervision.state_dict().items():
        if 'embed' in name:
            torch.distributed.broadcast(tensor, 0)
    before = {k: v.clone() for k, v in supervision.state_dict().items()}
    losses = steps(supervision, [part[rank] for part in parts])
    return before, losses, supervision.state_dict()


def assert_loop(parts, before, losses, after):
    """losses[rank][step][side], with the states before and after."""
    loop = Loop(before)
    for number, part in enumerate(parts):
        wanted = loop.losses(part)
        found = [of_rank[number] for of_rank in losses]
        assert torch.tensor(found).allclose(
            torch.tensor(wanted), rtol=1e-6, atol=0
        )
    for side, name in enumerate(('student', 'teacher')):
        wanted = torch.tensor(loop.banks[side].bank, dtype=torch.float64)
        torch.testing.assert_close(after[f'{name}.bank'], wanted)
        constant = float(after[f'{name}.constant'])
        assert constant == pytest.approx(loop.banks[side].constant, rel=1e-6)
    assert int(after['step']) == len(parts)


def random_parts(batches):
    generator = fresh_generator()
    return [
        [(images, random_vectors(len(images), generator)) for images in halves]
        for halves in batches
    ]


def test_three_steps_are_those_of_the_loop():
    parts = random_parts([(first + second,) for first, second in BATCHES])
    supervision = crd()
    before = {k: v.clone() for k, v in supervision.state_dict().items()}
    losses = [steps(supervision, [part[0] for part in parts])]
    assert_loop(parts, before, losses, supervision.state_dict())


def test_two_ranks_draw_alone_and_store_together():
    parts = random_parts(BATCHES)
    (before, *first), (other, *second) = run_ranks(2, on_rank, parts)
    for name, tensor in before.items():
        assert torch.equal(tensor, other[name]), name
    for name, tensor in first[1].items():
        assert torch.equal(tensor, second[1][name]), name
    assert_loop(parts, before, [first[0], second[0]], first[1])


def test_only_the_rows_of_the_batch_move():
    supervision = crd()
    bank = supervision.student.bank
    before, constants = bank.clone(), []
    for _ in range(2):
        supervision(seen([4, 9, 4]))
        constants.append(supervision.student.constant.clone())
    still = [i for i in range(SIZE) if i not in (4, 9)]
    assert torch.equal(bank[still], before[still])
    ones = torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(bank[[4, 9]].norm(dim=1), ones)
    assert constants[0] > 0 and torch.equal(*constants)


def test_who_feels_a_gradient():
    supervision = crd()
    outputs = seen([0, 1, 2])
    total(supervision(outputs)[0]).backward()
    assert outputs.teacher.embedding.grad is None
    felt = [outputs.embedding, *supervision.parameters()]
    assert len(felt) == 5
    for tensor in felt:
        assert tensor.grad.isfinite().all() and tensor.grad.abs().sum() > 0


def test_a_second_view_is_the_same_image():
    once, twice = crd(), crd(views=(0, 1))
    vectors = random_vectors(6, fresh_generator())
    twice.load_state_dict(once.state_dict())
    outputs = seen([3, 4, 5], vectors)
    total(twice(outputs)[0]).backward()
    assert (outputs.embedding.grad.abs().sum(1) > 0).all()
    # The bank moves by the first view.
    once(seen([3, 4, 5], tuple(v[:3] for v in vectors)))
    # Six rows and three are multiplied in other blocks: the last digit varies.
    torch.testing.assert_close(
        once.student.bank, twice.student.bank, rtol=1e-13, atol=1e-15
    )


def test_autocast_changes_nothing():
    plain, cast = crd().float(), crd().float()
    cast.load_state_dict(plain.state_dict())
    outputs = seen([0, 1, 2])
    for side in (outputs, outputs.teacher):
        side.embedding = side.embedding.bfloat16()
    wanted, _ = plain(outputs)
    with torch.autocast('cpu', torch.bfloat16):
        found, _ = cast(outputs)
    for name, loss in wanted.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], loss)
    assert torch.equal(plain.teacher.bank, cast.teacher.bank)


def test_resumed_in_the_middle_it_is_the_straight_run():
    parts = [part for (part,) in random_parts([([0, 1, 2],)] * 3)]
    straight, resumed = crd(), crd()
    steps(straight, parts[:2])
    state = {k: v.clone() for k, v in straight.state_dict().items()}
    assert not torch.equal(resumed.seed, straight.seed)
    load_state_dict(resumed, state)
    last = [steps(run, parts[2:]) for run in (straight, resumed)]
    assert last[0] == last[1]
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    'load', [load_state_dict, torch.nn.Module.load_state_dict]
)
def test_what_does_not_train_passes_the_banks_over(load):
    trained, plain = crd(), crd(None)
    state = trained.state_dict()
    load(plain, dict(state), strict=True)
    assert torch.equal(plain.student.embed.bias, trained.student.embed.bias)
    assert 'student.bank' in state
    assert not any('bank' in name for name in plain.state_dict())
    with pytest.raises(UserError, match='TrainingLabelsHook.*custom_hooks'):
        plain(seen([0, 1, 2]))


def test_the_checkpoint_of_another_training_set():
    state = crd().state_dict()
    message = r'student.bank: is \(20, 5\) in the checkpoint and \(12, 5\)'
    for load in (load_state_dict, torch.nn.Module.load_state_dict):
        with pytest.raises(UserError, match=message):
            load(crd(LABELS[:12]), dict(state))


def test_connecting_twice():
    supervision = crd()
    supervision(seen([0, 1, 2]))
    state = {k: v.clone() for k, v in supervision.state_dict().items()}
    supervision.connect_data(LABELS.clone())
    for name, tensor in supervision.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    supervision.connect_data(LABELS[:12])
    assert supervision.student.bank.shape == (12, WIDTH)
    assert supervision.student.constant == supervision.step == 0


def test_a_random_bank_is_that_of_the_paper():
    width = 48
    supervision = crd(torch.arange(4000) % 2, width=width)
    banks = [supervision.student.bank, supervision.teacher.bank]
    assert not torch.equal(*banks)
    for bank in banks:
        assert bank.abs().max() <= 1 / math.sqrt(width / 3)
        # Ten standard deviations of the variance, six of the mean.
        assert float(bank.var()) == pytest.approx(1 / width, rel=0.02)
        assert abs(float(bank.mean())) < 6 * (width * bank.numel()) ** -0.5


def test_as_many_negatives_as_every_class_has():
    labels = torch.tensor([0] * 12 + [1] * 6 + [2] * 2)
    supervision = crd(labels, num_negatives=16384)
    assert supervision.used_negatives == 8
    losses, _ = supervision(seen([0, 19], labels=labels))
    assert total(losses).isfinite()
    line = supervision.describe()
    assert '8 negatives of 8 to 18 images of other classes, 20 images' in line
    assert crd(num_negatives=3).used_negatives == 3
    assert '16384 negatives at most' in (
        ContrastiveRepresentationDistillation().describe()
    )


@pytest.mark.parametrize(
    'labels, message',
    [
        (LABELS - 1, '5 of 20 images of the training set have no label'),
        (LABELS * 0, 'has 1 class'),
    ],
)
def test_labels_that_give_no_negatives(labels, message):
    with pytest.raises(UserError, match=message):
        crd(labels)


@pytest.mark.parametrize('place', [-1, SIZE])
def test_an_image_that_is_not_in_the_training_set(place):
    with pytest.raises(UserError, match=f'sample_idx {place} is no place'):
        crd()(seen([0, place]))


def test_an_image_of_another_label():
    with pytest.raises(UserError, match='sample_idx 1 has another label'):
        crd()(seen([0, 1], labels=torch.tensor([0, 3])))


def test_an_averaged_copy_is_made_after_the_banks():
    ours, theirs = TrainingLabelsHook.priority, EMAHook.priority
    assert get_priority(ours) < get_priority(theirs)
