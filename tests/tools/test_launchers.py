"""A leaf is the same run through every launcher of the OpenMMLab line."""

import sys
from pathlib import Path

import mmpretrain
import pytest
import torch
from command_lines import ROOT, run_fresh
from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.config import use_parity

HOSTS = Path(mmpretrain.__file__).parent / '.mim' / 'tools' / 'train.py'
LEAF = """
_base_ = '{base}'
model = dict(
    backbone=dict(base_channels=8), head=dict(in_channels=64, num_classes=4)
)
train_dataloader = dict(
    batch_size=8, num_workers=0, dataset=dict(data_root='{folder}')
)
val_dataloader = dict(
    batch_size=8, num_workers=0, dataset=dict(data_root='{folder}')
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(topk=(1,))
train_cfg = dict(max_epochs=1)
"""


def leaf(name, folder, path):
    """Tiny, and otherwise as the leaf that it inherits."""
    path.write_text(LEAF.format(base=ROOT / 'configs' / name, folder=folder))
    return path


def weights(work_dir):
    path = work_dir / 'epoch_1.pth'
    return torch.load(path, weights_only=False)['state_dict']


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key


@pytest.mark.parametrize(
    'name',
    [
        'cds_r18_cifar10_folder.py',
        pytest.param('baseline_r18_cifar10_folder.py', marks=pytest.mark.slow),
    ],
)
def test_every_launcher_computes_the_same_weights(
    name, command, folder, tmp_path
):
    config = leaf(f'cifar10/{name}', folder, tmp_path / 'leaf.py')
    ours, plain, hosts = (tmp_path / n for n in ('ours', 'plain', 'hosts'))
    command('train', config, '--work-dir', ours).fine()

    cfg = Config.fromfile(config)
    cfg.work_dir = str(plain)
    Runner.from_cfg(cfg).train()
    assert_same(weights(ours), weights(plain))

    # In a process that knows nothing of this package but the config.
    run_fresh(sys.executable, HOSTS, config, '--work-dir', hosts).fine()
    assert_same(weights(ours), weights(hosts))


def test_operations_in_the_loader_run_as_they_are(command, folder, tmp_path):
    """A config that leaves nothing to the device: slower, and no other run."""
    name = 'cifar10/baseline_r18_cifar10_folder.py'
    config = leaf(name, folder, tmp_path / 'leaf.py')
    cfg = Config.fromfile(config)
    use_parity(cfg)
    cfg.model.memory_format = 'channels_last'
    own = tmp_path / 'own.py'
    cfg.dump(own)
    for path in (config, own):
        command('train', path, '--work-dir', tmp_path / path.stem).fine()
    # Nothing of these views is rounded: the weights agree but for layout.
    one, other = (weights(tmp_path / n) for n in ('leaf', 'own'))
    for key in one:
        torch.testing.assert_close(one[key], other[key])
