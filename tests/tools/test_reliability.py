"""The reliability diagram of a checkpoint, from the command line.

The network gives every image the same scores, so that all is known: logits
3 ln f where f are the shares of the classes in train/, which is used as val.
The best T there is 3.  In test/ the classes are equally many.
"""

import json
import math
import re

import pytest
import torch
from command_lines import CONFIG, tiny
from mmengine.config import Config, DictAction
from mmpretrain.registry import MODELS
from PIL import Image

from cds_mm.testing import write_class_folder

SHARES = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)
VAL = dict(val_dataloader__dataset__split='train')


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp('images')
    write_class_folder(root / 'train', dict(a=8, b=4, c=2, d=2), side=32)
    write_class_folder(root / 'test', dict.fromkeys('abcd', 3), side=32)
    return root


@pytest.fixture(scope='module')
def checkpoint(images):
    cfg = Config.fromfile(CONFIG)
    for pair in tiny(images)[1:]:
        key, value = pair.split('=')
        cfg.merge_from_dict({key: DictAction._parse_int_float_bool(value)})
    weights = MODELS.build(cfg.model).state_dict()
    weights['head.fc.weight'].zero_()
    weights['head.fc.bias'].copy_(3 * SHARES.log())
    path = images / 'known.pth'
    torch.save(dict(state_dict=weights, meta={}), path)
    return path


@pytest.fixture
def draw(command, images, checkpoint, tmp_path):
    """Runs the tool; returns how it ended, and what it wrote."""

    def run(*argv, **settings):
        out = tmp_path / 'drawn.png'
        argv = ['--out', out, '--work-dir', tmp_path / 'run', *argv]
        argv += tiny(images, **settings)
        done = command('reliability_diagram', CONFIG, checkpoint, *argv)
        with Image.open(out) as picture:
            assert picture.format == 'PNG'
            wide = picture.width > picture.height
        return done, json.loads(out.with_suffix('.json').read_text()), wide

    return run


def scores_of(probabilities):
    """Of the balanced test set, where the first of four classes is said."""
    others = (probabilities.square().sum() + 1 - 2 * probabilities).mean()
    return dict(
        ece_15=100 * (probabilities[0] - 0.25).item(),
        ece_5=100 * (probabilities[0] - 0.25).item(),
        nll=-probabilities.log().mean().item(),
        brier=others.item(),
    )


def test_before_and_after_a_temperature(draw, images, checkpoint):
    done, numbers, wide = draw('--fit-temperature', **VAL)
    done.fine()
    cubes = SHARES**3
    assert numbers['as_trained'] == pytest.approx(
        scores_of(cubes / cubes.sum()), rel=1e-5
    )
    assert numbers['temperature_scaled'] == pytest.approx(
        scores_of(SHARES), rel=1e-5
    )
    nll = numbers['temperature_scaled']['nll']
    assert nll == pytest.approx(2.25 * math.log(2), rel=1e-5)
    assert numbers['temperature'] == pytest.approx(3, rel=1e-5)
    assert numbers['temperature_fitted_on'] == 'val'
    assert numbers['config'] == CONFIG
    assert numbers['checkpoint'] == str(checkpoint)
    assert wide, 'two diagrams'
    assert 'as trained: ECE (15 bins) 61.49 %, ECE (5 bins)' in done.out
    heading = 'after temperature scaling, T fitted on val: T = 3'
    assert f'{heading}: ECE (15 bins) 25.00 %' in done.out
    assert 'drawn.png: the diagram of 12 images' in done.out


@pytest.mark.slow
def test_a_file_with_a_temperature_serves_the_metric(
    draw, command, images, checkpoint, tmp_path
):
    out = tmp_path / 'metrics.json'
    _, numbers, _ = draw('--fit-temperature', **VAL)
    evaluator = [
        'test_evaluator._delete_=True',
        'test_evaluator.type=CalibrationMetric',
        f'test_evaluator.temperature_from={tmp_path / "drawn.json"}',
    ]
    argv = ['--out', out, '--out-item', 'metrics', '--work-dir', tmp_path]
    options = [x for x in tiny(images) if not x.startswith('test_evaluator')]
    command('test', CONFIG, checkpoint, *argv, *options, *evaluator).fine()
    metrics = json.loads(out.read_text())
    assert metrics.pop('calibration/temperature') == numbers['temperature']
    assert metrics == {
        f'calibration/{name}_temperature_scaled': value
        for name, value in numbers['temperature_scaled'].items()
    }


def test_without_a_temperature(draw):
    done, numbers, wide = draw('--bins', 10)
    done.fine()
    assert set(numbers) == {'config', 'checkpoint', 'as_trained'}
    names = 'ece_10 ece_15 ece_5 nll brier'.split()
    assert list(numbers['as_trained']) == names
    assert not wide, 'one diagram'


@pytest.mark.slow
def test_val_is_the_test_set(draw):
    done, numbers, _ = draw(
        '--fit-temperature', **VAL, test_dataloader__dataset__split='train'
    )
    assert 'T fitted on val (the test set itself): T = 3' in done.fine().out
    assert numbers['temperature_fitted_on'] == 'val (the test set itself)'
    assert numbers['temperature_scaled']['ece_15'] < 1e-3


@pytest.mark.slow
def test_no_temperature_is_best(draw):
    """Of the same scores and equally many of each class."""
    done, numbers, wide = draw('--fit-temperature')
    assert 'temperature: the scores say no more' in done.error
    assert set(numbers) == {'config', 'checkpoint', 'as_trained'}
    assert not wide


@pytest.mark.slow
@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (['--bins', '0'], '--bins=0: no number of bins'),
        (['--out', 'drawn.pdf'], '--out drawn.pdf: .* .png'),
        (['--out', '/dev/null/drawn.png'], '/dev/null: cannot be written'),
        (['--amp'], 'pred_score is torch.bfloat16.* leave --amp out'),
    ],
)
def test_a_slip_costs_one_line(
    command, images, checkpoint, tmp_path, argv, words
):
    argv = ['--work-dir', tmp_path, '--out', tmp_path / 'x.png', *argv]
    argv = [CONFIG, checkpoint, *argv, *tiny(images)]
    assert re.search(words, command('reliability_diagram', *argv).error)
