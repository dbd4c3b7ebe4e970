"""Pretraining without a classifier, and the run that builds on it."""

import pytest
import torch

from cds_mm.checkpoint import Options, convert, read_checkpoint
from cds_mm.commands.test import parse_args
from cds_mm.config import load_config
from cds_mm.engine.test import evaluation_config
from cds_mm.errors import UserError
from cds_mm.experiments.cell import Cell
from cds_mm.experiments.plan import plan_runs, with_needs
from cds_mm.experiments.scale import Scale
from cds_mm.testing import CONFIGS, shrink

NARROW = {
    'model.backbone.base_channels': 8,
    'model.backbone.stem_channels': 8,
}
CLASSIFIER = {
    'model.head.in_channels': 64,
    'model.head.num_classes': 4,
    'val_evaluator.topk': 1,
    'test_evaluator.topk': 1,
}
SMALL_BYOL = {
    'model.neck.in_channels': 64,
    'model.neck.hid_channels': 32,
    'model.neck.out_channels': 16,
    'model.head.predictor.in_channels': 16,
    'model.head.predictor.hid_channels': 32,
    'model.head.predictor.out_channels': 16,
}
STEPS = 4


@pytest.fixture(scope='module')
def train(command, folder, tmp_path_factory):
    """``train(leaf, **settings)`` gives work dir, config and Result."""

    def run(leaf, settings):
        work_dir = tmp_path_factory.mktemp(leaf.partition('_')[0])
        cfg = load_config(str(CONFIGS / f'representation/{leaf}.py'))
        cfg = shrink(cfg, folder / 'train', image_size=32, batch_size=8)
        cfg.merge_from_dict(NARROW | settings)
        path = work_dir / f'{leaf}.py'
        cfg.dump(path)
        return path, command('train', path, '--work-dir', work_dir)

    return run


def state(config):
    """What a finished run has saved."""
    return read_checkpoint(config.parent / 'epoch_1.pth')['state_dict']


def part(weights, prefix):
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in weights.items()
        if key.startswith(prefix)
    }


def converted(config, tmp_path):
    path = tmp_path / 'backbone.pth'
    convert(str(config.parent / 'epoch_1.pth'), str(path), Options())
    return read_checkpoint(path)['state_dict']


def same(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope='module')
def supcon(train):
    config, done = train('supcon_r18_cifar100_1000e', {})
    assert 'loss_supcon.stage4' in done.fine().out
    assert 'over all 1 GPUs (gather=True)' in done.out
    return config


@pytest.fixture(scope='module')
def byol(train):
    leaf = 'byol_r18_cifar100_pretrain-1000e'
    config, done = train(leaf, SMALL_BYOL)
    done.fine()
    return config


@pytest.mark.parametrize(
    ('method', 'variant', 'first'),
    [
        ('supcon-linear', '1000e', 'supcon_r18_cifar100_1000e'),
        ('byol-dsn', '80e', 'byol_r18_cifar100_pretrain-1000e'),
    ],
)
def test_a_row_runs_both(method, variant, first, tmp_path):
    cell = Cell(method, 'r18', 'cifar100', variant)
    runs = with_needs(plan_runs([cell], [0], Scale(), tmp_path))
    assert [run.cell.name for run in runs] == [first, cell.name]
    assert runs[1].config.load_from == str(runs[0].last_checkpoint)


def test_supcon_trains_no_classifier(supcon, tmp_path):
    weights = state(supcon)
    assert {key.split('.')[0] for key in weights} == {'backbone', 'branches'}
    assert same(converted(supcon, tmp_path), part(weights, 'backbone.'))
    args = parse_args([str(supcon), str(supcon.parent / 'epoch_1.pth')])
    with pytest.raises(UserError, match='has no test_dataloader'):
        evaluation_config(args)


def test_the_linear_classifier_leaves_the_backbone_bit_for_bit(supcon, train):
    """BatchNorm's statistics too."""
    first = supcon.parent / 'epoch_1.pth'
    leaf = 'supcon-linear_r18_cifar100_1000e'
    config, done = train(leaf, {**CLASSIFIER, 'load_from': str(first)})
    assert 'accuracy/top1' in done.fine().out
    before, after = state(supcon), state(config)
    assert {key.split('.')[0] for key in after} == {'backbone', 'head'}
    assert same(part(before, 'backbone.'), part(after, 'backbone.'))


def test_byol_is_converted_without_its_target(byol, tmp_path):
    weights = state(byol)
    online, target = (
        part(weights, prefix)
        for prefix in ('backbone.', 'target_net.module.0.')
    )
    assert int(weights['target_net.steps']) == STEPS
    assert online.keys() == target.keys() and not same(online, target)
    assert same(converted(byol, tmp_path), online)


@pytest.mark.parametrize(
    'method', [pytest.param('byol', marks=pytest.mark.slow), 'byol-dsn']
)
def test_fine_tuning_begins_with_what_byol_learned(method, byol, train):
    settings = {
        **CLASSIFIER,
        'load_from': str(byol.parent / 'epoch_1.pth'),
        # What comes out is then what has come in, but for the statistics.
        'optim_wrapper.optimizer.lr': 0.0,
    }
    config, done = train(f'{method}_r18_cifar100_80e', settings)
    assert ('loss_dsn' in done.fine().out) == (method == 'byol-dsn')
    before, after = (part(state(c), 'backbone.') for c in (byol, config))
    for key, tensor in after.items():
        if key.endswith('num_batches_tracked'):
            assert tensor == before[key] + STEPS
        elif 'running' not in key:
            assert torch.equal(tensor, before[key]), key
