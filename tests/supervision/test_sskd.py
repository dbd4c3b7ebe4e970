"""SSKD: the whole algorithm as loops, its gradients, and its views."""

import math

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import default_collate
from mmpretrain.registry import DATASETS, TRANSFORMS
from PIL import Image
from references import cosine, divergence, selection, softmax

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.config import load_config
from cds_mm.data import SeededFetch
from cds_mm.data.seeding import sample_seed, seed_generators
from cds_mm.errors import UserError
from cds_mm.stage_outputs import StageOutputs
from cds_mm.supervision import (
    CrossEntropySupervision,
    LogitDistillation,
    RotationContrast,
    RotationDistillation,
)
from cds_mm.testing import (
    CONFIGS,
    class_folder,
    fresh_generator,
    fresh_seed,
)

IMAGES, TURNS, CLASSES, WIDTH = 6, 4, 5, 7
ROWS = IMAGES * TURNS
SPEC = NetworkSpec(
    {'stage4': StageSpec(WIDTH, 32)}, CLASSES, {'rotation': WIDTH}
)


def outputs(logits, branch, labels, teacher=None):
    return StageOutputs(
        labels=labels,
        sample_idx=torch.arange(len(labels)),
        num_views=TURNS,
        logits=logits,
        branches={'rotation': branch},
        teacher=teacher,
    )


def student_supervisions():
    parts = [
        CrossEntropySupervision(weight=0.1),
        LogitDistillation(weight=0.9, temperature=4.0),
        LogitDistillation(2.7, 4.0, views=(1, 2, 3), keep_wrong=0.6),
        RotationDistillation(10.0, 0.5, keep_wrong=0.75),
    ]
    for part in parts:
        part.connect(SPEC, SPEC)
    return parts


def loss_of(parts, seen):
    return sum(loss for part in parts for loss in part(seen)[0].values())


# The same as loops over rows, without any of the package's functions.


def table_of(branch):
    return [
        [cosine(branch[row], branch[i]) for i in range(IMAGES)]
        for row in range(IMAGES, ROWS)
    ]


def chosen_divergence(theirs, ours, truth, ratio, temperature):
    kept = selection(theirs, truth, ratio)
    parts = [
        divergence(theirs[k], ours[k], temperature)
        for k in range(len(kept))
        if kept[k]
    ]
    return sum(parts) / len(parts)


def loops(logits, branch, labels, teacher_logits, teacher_branch):
    upright = range(IMAGES)
    truth = [labels[row % IMAGES] for row in range(IMAGES, ROWS)]
    source = [row % IMAGES for row in range(IMAGES, ROWS)]
    entropy = sum(-softmax(logits[b])[labels[b]].log() for b in upright)
    followed = sum(
        divergence(teacher_logits[b], logits[b], 4.0) for b in upright
    )
    turned = chosen_divergence(
        teacher_logits[IMAGES:], logits[IMAGES:], truth, 0.6, 4.0
    )
    rotations = chosen_divergence(
        table_of(teacher_branch), table_of(branch), source, 0.75, 0.5
    )
    return (
        0.1 * entropy / IMAGES
        + 0.9 * followed / IMAGES
        + 2.7 * turned
        + 10 * rotations
    )


def test_three_steps_of_the_student_equal_the_loops():
    generator = fresh_generator()

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    start = [draw(9, CLASSES), draw(9, WIDTH)]
    teacher = [draw(9, CLASSES), draw(9, WIDTH)]
    ways = []
    for naive in (False, True):
        weights = [w.clone().requires_grad_() for w in start]
        optimizer = torch.optim.SGD(weights, 0.05, momentum=0.9)
        ways.append((naive, weights, optimizer))
    parts = student_supervisions()
    for _ in range(3):
        inputs = draw(ROWS, 9)
        labels = torch.randint(CLASSES, (IMAGES,), generator=generator)
        theirs = [inputs @ w for w in teacher]
        losses = []
        for naive, weights, optimizer in ways:
            ours = [inputs @ w for w in weights]
            if naive:
                loss = loops(*ours, labels.tolist(), *theirs)
            else:
                seen = outputs(*ours, labels, outputs(*theirs, labels))
                loss = loss_of(parts, seen)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.testing.assert_close(*losses, rtol=1e-9, atol=1e-9)
    for mine, other in zip(ways[0][1], ways[1][1], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-8)


def test_the_first_stage_equals_the_loop():
    branch = torch.randn(
        ROWS, WIDTH, generator=fresh_generator(), dtype=torch.float64
    )
    table = table_of(branch)
    right = [
        max(range(IMAGES), key=lambda i, row=row: float(row[i])) == k % IMAGES
        for k, row in enumerate(table)
    ]
    entropy = [-softmax(row)[k % IMAGES].log() for k, row in enumerate(table)]
    seen = outputs(None, branch, torch.zeros(IMAGES, dtype=torch.int64))
    losses, found = RotationContrast(weight=2.0)(seen)
    expected = 2 * sum(entropy) / len(entropy)
    torch.testing.assert_close(losses['rotation'], expected)
    assert found['found.rotation'].item() == pytest.approx(
        sum(right) / len(right)
    )


def test_who_feels_it():
    generator = fresh_generator()
    tensors = [
        torch.randn(ROWS, width, generator=generator).requires_grad_()
        for width in (CLASSES, WIDTH, CLASSES, WIDTH)
    ]
    labels = torch.arange(IMAGES) % CLASSES
    seen = outputs(*tensors[:2], labels, outputs(*tensors[2:], labels))
    *logits_parts, rotations = student_supervisions()
    loss_of(logits_parts, seen).backward()
    assert [t.grad is not None for t in tensors] == [True, False, False, False]
    rotations(seen)[0]['rotation'].backward()
    assert [t.grad is not None for t in tensors] == [True, True, False, False]


def test_nothing_worth_following_is_a_zero_with_a_gradient():
    logits = torch.randn(
        ROWS, CLASSES, generator=fresh_generator()
    ).requires_grad_()
    labels = torch.zeros(IMAGES, dtype=torch.int64)
    wrong = torch.zeros(ROWS, CLASSES)
    wrong[:, 1] = 1
    part = LogitDistillation(views=(1, 2, 3), keep_wrong=0.0)
    seen = outputs(logits, None, labels, outputs(wrong, None, labels))
    loss = part(seen)[0]['']
    assert loss.item() == 0
    loss.backward()
    assert not logits.grad.any()
    # Nobody knows whether an unlabelled row is wrong: it is followed.
    seen.labels = torch.full_like(labels, -1)
    assert part(seen)[0][''].item() > 0


def test_keep_wrong_is_for_divergences():
    with pytest.raises(ValueError, match="keep_wrong is for form 'kl'"):
        LogitDistillation(form='cross_entropy', keep_wrong=1.0)


def test_a_teacher_without_rotations():
    part = RotationDistillation()
    plain = NetworkSpec(SPEC.stages, CLASSES, {})
    with pytest.raises(UserError, match='no branch rotation.*learned the rot'):
        part.connect(SPEC, plain)


@pytest.mark.parametrize('data', ['cifar', 'in1k'])
def test_the_views_are_turns_of_one_image(data, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    cfg = load_config(str(CONFIGS / f'_base_/datasets/views_{data}.py'))
    cfg.four_rotations[-2].transforms = [[t] for t in cfg.quarter_turns]
    with class_folder({'a': 2, 'b': 2}, side=32) as root:
        dataset = DATASETS.build(
            dict(
                type='ClassFolder',
                data_root=root,
                pipeline=cfg.four_rotations,
            )
        )
        batch = default_collate(SeededFetch(dataset, 3)(range(4)))
    upright, *others = batch['inputs']
    for quarters, view in enumerate(others, 1):
        assert torch.equal(view, torch.rot90(upright, quarters, (2, 3)))


def test_each_turn_on_imagenet_has_a_crop_of_its_own(monkeypatch, request):
    """As Pillow turns an image, and then its one crop draws (torchdistill)."""
    monkeypatch.chdir(request.config.rootpath)
    cfg = load_config(str(CONFIGS / '_base_/datasets/views_in1k.py'))
    own = cfg.one_view[1:-1]
    picture = np.random.default_rng(fresh_seed())
    picture = picture.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    views = TRANSFORMS.build(cfg.four_rotations[-2])
    with sample_seed(1, 2, 3):
        turned = views({'img': picture})['img']
    reference = Compose([TRANSFORMS.build(step) for step in own])
    upright = Image.fromarray(picture)
    for quarters, view in enumerate(turned):
        image = np.array(upright.rotate(90 * quarters, expand=True))
        seed_generators(1, 2, 3, quarters)
        assert np.array_equal(view, reference({'img': image})['img'])
    back = [np.rot90(view, -k).copy() for k, view in enumerate(turned)]
    for view in back[1:]:
        assert np.abs(view.astype(int) - back[0]).mean() > 10


def test_a_quarter_moves_the_right_edge_to_the_top():
    image = torch.arange(6).reshape(2, 3, 1).numpy()
    turn = TRANSFORMS.build(dict(type='RightAngleRotation', quarters=1))
    turned = turn({'img': image})
    assert turned['img'][0, :, 0].tolist() == [2, 5]
    assert turned['img_shape'] == (3, 2)


def test_the_first_view_does_not_repeat_the_draws_before_it():
    # Flip and first crop from one stream: half of the crops would never be
    # seen flipped.

    def first_draws(first_seed):
        views = dict(
            type='SeededMultiView',
            transforms=[[lambda r: {'img': np.random.rand()}]],
            first_seed=first_seed,
        )
        pipeline = TRANSFORMS.build(views)

        class Data:
            def __getitem__(self, index):
                shared = np.random.rand()
                return shared, pipeline({'img': None})['img'][0]

        return SeededFetch(Data(), 3)(range(8))

    assert all(a == b for a, b in first_draws(0))
    assert all(not math.isclose(a, b) for a, b in first_draws(1))
