"""The two steps that are timed are one step."""

import pytest
import torch
from benchmark import parse_args
from benchmarks.references.step import CDSNetwork, cds_loss
from benchmarks.step import BFLOAT16_STEP, CASES, compare
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm import optim_wrapper
from cds_mm.analysis.bench import Bench
from cds_mm.paths import CONFIGS
from cds_mm.testing import fresh_seed, samples

LABELS = [0, 1, 1]
TINY = {'model.backbone.base_channels': 8, 'model.head.in_channels': 64}


def pair(name, dtype):
    """Ours with its channels last, and the reference with its weights."""
    torch.manual_seed(fresh_seed())
    case = CASES[name]
    cfg = Config.fromfile(CONFIGS / case.config)
    ours = MODELS.build(cfg.model)
    ours.init_weights()
    theirs = CDSNetwork(case.network, case.num_classes, case.side == 32)
    theirs.load_state_dict(
        {theirs_name(n): t for n, t in ours.state_dict().items()}
    )
    if dtype == torch.float64:  # channels last, it is very slow there
        ours.to(memory_format=torch.contiguous_format)
    return ours.to(dtype).train(), theirs.to(dtype).train()


def losses(name, side, dtype):
    """Both losses of one batch, and both gradients by our names."""
    ours, theirs = pair(name, dtype)
    images = torch.randn(2 * len(LABELS), 3, side, side, dtype=dtype)
    loss, _ = ours.parse_losses(ours.loss(images, samples(LABELS)))
    expected = cds_loss(theirs, images, torch.tensor(LABELS))
    for value in (loss, expected):
        value.backward()
    given = dict(theirs.named_parameters())
    assert len(given) == len(list(ours.parameters()))
    gradients = {
        key: (parameter.grad, given[theirs_name(key)].grad)
        for key, parameter in ours.named_parameters()
    }
    return loss.item(), expected.item(), gradients


def theirs_name(name):
    name = name.replace('backbone.', 'trunk.').replace('head.fc.', 'trunk.fc.')
    if not name.startswith('branches.stage'):
        return name
    # branches.stage<i>.tower.<block>.<layer>.<rest>
    _, stage, _, block, layer, rest = name.split('.')
    number = 8 * int(block) + int(layer)
    return f'heads.{int(stage[-1]) - 1}.{number}.{rest}'


@pytest.mark.parametrize('name, side', [('r18', 16), ('r50', 32)])
def test_loss_and_gradients_are_those_of_the_reference(name, side):
    loss, expected, gradients = losses(name, side, torch.float64)
    assert loss == pytest.approx(expected, rel=1e-9)
    for key, (ours, theirs) in gradients.items():
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm(), key


def test_in_float32_too():
    loss, expected, gradients = losses('r18', 16, torch.float32)
    assert loss == pytest.approx(expected, rel=1e-5)
    # Less than above: rounding puts some inputs of a ReLU across zero.
    for key, (ours, theirs) in gradients.items():
        assert (ours - theirs).norm() <= 0.1 * theirs.norm(), key


def test_with_bfloat16_and_all_else_on(monkeypatch):
    path = str(CONFIGS / CASES['r18'].config)
    plain = Bench(path, 4, TINY)
    monkeypatch.setattr(optim_wrapper, 'bfloat16_units', lambda: 'made up')
    fast = Bench(path, 4, TINY | BFLOAT16_STEP)
    assert fast.on == [*plain.on, 'bfloat16 autocast']
    torch.manual_seed(fresh_seed())
    plain.model.init_weights()
    fast.model.load_state_dict(plain.model.state_dict())
    views = [torch.randint_like(view, 256) for view in plain.data['inputs']]
    plain.data['inputs'] = fast.data['inputs'] = views
    full, half = (
        bench.model.train_step(bench.data, bench.optimizer)
        for bench in (plain, fast)
    )
    assert full.keys() == half.keys()
    for name, value in full.items():
        expected = pytest.approx(value.item(), rel=0.05, abs=0.01)
        assert half[name].item() == expected, name
    assert half['loss_ce'] != full['loss_ce'], 'it was bfloat16'


@pytest.mark.slow
def test_rows_have_all_turns_and_say_what_is_on():
    argv = 'step --cases r18 --batch 2 --repeats 2'
    rows = compare(parse_args(argv.split()))
    assert [len(row.ours) for row in rows] == [2, 2]
    assert all(figure > 0 for row in rows for figure in row.reference)
    assert rows[0].target == 1.8
    assert 'channels_last' in rows[0].notes['has on']
