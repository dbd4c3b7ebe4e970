"""Every leaf with its own model: builds, steps, exports the plain backbone."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert, read_checkpoint
from cds_mm.checkpoint.record import record_from_config
from cds_mm.configfile import load_config
from cds_mm.engine.cost import Bench
from cds_mm.testing import CONFIGS, fresh_seed

METHODS = ('baseline', 'dsn', 'dks', 'dhm', 'cds')
# Whatever a detector's config does not begin with.
DETECTORS = ('faster-rcnn', 'retinanet')
# One backbone of each family; its other depths are the slow ones.
FAMILIES = ('r18', 'rxt50', 'wrn50', 'se18', 'preact18')
SAMPLE = [
    f'cifar100/{method}_{model}_cifar100.py'
    for method in METHODS
    for model in FAMILIES
]
SAMPLE += [
    'kd/one_r18_cifar100.py',
    'kd/cds-kd_r18_cifar100.py',
    'kd/cc_r18_cifar100.py',
    'finegrained/cds_r50_cub.py',
    'cifar100/dsn_r18_cifar100_sepconv.py',
]
REST = sorted(
    name
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts and not path.name.startswith(DETECTORS)
    for name in [path.relative_to(CONFIGS).as_posix()]
    # It has no standard stem, and another test.
    if name not in SAMPLE and 'as-released' not in name
)
SIDE = 64


def step(bench):
    """One training step; every parameter has to feel it."""
    data = bench.model.data_preprocessor(bench.data, training=True)
    data['inputs'] = data['inputs'][..., :SIDE, :SIDE]
    loss, _ = bench.model.parse_losses(bench.model.loss(**data))
    loss.backward()
    for name, parameter in bench.model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    bench.optimizer.step()


def export(bench, config, folder):
    """The trained classifier's checkpoint through the converter."""
    record = record_from_config(config, bench.model.data_preprocessor)
    trained, exported = folder / 'trained.pth', folder / 'backbone.pth'
    torch.save(
        dict(state_dict=bench.model.state_dict(), meta=dict(cds_mm=record)),
        trained,
    )
    convert(str(trained), str(exported), Options())
    state = read_checkpoint(exported)['state_dict']
    # pytest keeps the folders of three sessions.
    trained.unlink()
    exported.unlink()
    return state


def step_and_export(name, folder):
    path = str(CONFIGS / name)
    config = load_config(path)
    torch.manual_seed(fresh_seed())
    bench = Bench(path, batch_size=4)
    step(bench)
    state = export(bench, config, folder)
    config.model.backbone.pop('init_cfg', None)
    init_default_scope('mmpretrain')
    plain = MODELS.build(config.model.backbone)
    plain.load_state_dict(state, strict=True)
    for key, tensor in bench.model.backbone.state_dict().items():
        assert torch.equal(state[key], tensor), key


@pytest.mark.parametrize('name', SAMPLE)
def test_one_of_each(name, tmp_path):
    step_and_export(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('name', REST)
def test_all_others(name, tmp_path):
    step_and_export(name, tmp_path)
