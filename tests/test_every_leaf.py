"""Every leaf with its own model: builds, steps, exports the plain backbone."""

import copy
import math

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from cds_mm.analysis.bench import Bench
from cds_mm.checkpoint import extract_backbone
from cds_mm.config import drop_pretrained, load_config
from cds_mm.experiments.detectors import is_detector_name
from cds_mm.testing import CONFIGS, fresh_seed

METHODS = ('baseline', 'dsn', 'dks', 'dhm', 'cds')
# One backbone of each family; its other depths are the slow ones.  Branches
# of DSN and DHM are those of DKS, and the baseline has none; those of a wide
# network are a ResNet's, and large.
FAMILIES = {
    'dks': ('rxt50', 'se18', 'preact18'),
    'cds': ('rxt50', 'wrn50', 'se18', 'preact18'),
}
SAMPLE = [f'cifar100/{method}_r18_cifar100.py' for method in METHODS]
SAMPLE += [
    f'cifar100/{method}_{model}_cifar100.py'
    for method, models in FAMILIES.items()
    for model in models
]
SAMPLE += [
    'kd/one_r18_cifar100.py',
    'kd/cds-kd_r18_cifar100.py',
    'kd/cc_r18_cifar100.py',
    'kd/sskd_r18_cifar10_folder.py',
    'kd/sskd-teacher_r18_cifar10_folder_60e.py',
    'kd/crd_r18_cifar100.py',
    'semi/cds-semi_r18_cifar100_10pct.py',
    'finegrained/cds_r50_cub.py',
    'cifar100/dsn_r18_cifar100_sepconv.py',
    'cds_swin-t_folder.py',
    'cds_mobilenet-v2_folder.py',
    'cds_cspnext-s_folder.py',
    'representation/supcon_r18_cifar100_1000e.py',
    'representation/supcon-linear_r18_cifar100_1000e.py',
]
REST = sorted(
    name
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts and not is_detector_name(path.stem)
    for name in [path.relative_to(CONFIGS).as_posix()]
    # No standard stem, or another class of model: they have other tests.
    if name not in SAMPLE
    and 'as-released' not in name
    and '_pretrain' not in name
)
SIDE = 64
# What no loss reaches: the norms of stages that cross entropy does not read,
# and a convolution that the host builds whatever its outputs are.
NORMS = {f'backbone.norm{i}.{part}'
         for i in range(3) for part in ('weight', 'bias')}  # fmt: skip
CONV2 = {'backbone.conv2.conv.weight', 'backbone.conv2.bn.weight',
         'backbone.conv2.bn.bias'}  # fmt: skip
UNUSED = {
    'baseline_swin-t_folder.py': NORMS,
    'baseline_convnext-t_folder.py': NORMS,
    'baseline_mobilenet-v2_folder.py': CONV2,
    'cds_mobilenet-v2_folder.py': CONV2,
}


def step(bench, unused=()):
    """One training step; every parameter that is trained has to feel it."""
    for module in bench.model.modules():
        if hasattr(module, 'drop_prob'):  # a block that is dropped
            module.drop_prob = 0.0
    data = bench.model.data_preprocessor(bench.data, training=True)
    data['inputs'] = data['inputs'][..., :SIDE, :SIDE]
    loss, _ = bench.model.parse_losses(bench.model.loss(**data))
    loss.backward()
    frozen = getattr(bench.model, 'frozen', ())
    for name, parameter in bench.model.named_parameters():
        if name.split('.')[0] in frozen or name in unused:
            assert parameter.grad is None, name
            continue
        assert parameter.grad is not None, name
        # Infinite or NaN where one entry is.
        size = parameter.grad.abs().sum().item()
        assert 0 < size < math.inf, name
    bench.optimizer.step()


def step_and_export(name):
    torch.manual_seed(fresh_seed())
    bench = Bench(str(CONFIGS / name), batch_size=2)
    unused = UNUSED.get(name, ())
    step(bench, unused)
    config = load_config(str(CONFIGS / name))
    if unused:
        assert config.find_unused_parameters
    # What the converter takes of a checkpoint; that it converts and proves
    # each of these networks is tested beside it.
    checkpoint = dict(state_dict=bench.model.state_dict())
    state = extract_backbone(checkpoint, name).state
    drop_pretrained(config.model)
    init_default_scope('mmpretrain')
    plain = MODELS.build(config.model.backbone)
    plain.load_state_dict(state, strict=True)
    loaded = plain.state_dict()
    for key, tensor in bench.model.backbone.state_dict().items():
        assert torch.equal(loaded[key], tensor), key


DISTILLATIONS = 'kd at rkd sp cc crd one cds-kd sskd'.split()


@pytest.mark.parametrize(
    'method',
    [
        # The others have no memory but their parameters.
        pytest.param(m, marks=[] if m in ('crd', 'one') else pytest.mark.slow)
        for m in DISTILLATIONS
    ],
)
def test_a_resume_in_the_middle_changes_nothing(method):
    """Whatever a method remembers is in the checkpoint."""
    torch.manual_seed(fresh_seed())
    path = CONFIGS / 'kd' / f'{method}_r18_cifar10_folder.py'
    straight, resumed = (Bench(str(path), batch_size=4) for _ in range(2))
    resumed.data = straight.data
    for parameter in resumed.model.parameters():
        torch.nn.init.zeros_(parameter)
    straight.step()
    saved = copy.deepcopy(
        (straight.model.state_dict(), straight.optimizer.state_dict())
    )
    straight.step()
    resumed.model.load_state_dict(saved[0])
    resumed.optimizer.load_state_dict(saved[1])
    resumed.step()
    again = resumed.model.state_dict()
    for key, tensor in straight.model.state_dict().items():
        assert torch.equal(again[key], tensor), key


@pytest.mark.parametrize('name', SAMPLE)
def test_one_of_each(name):
    step_and_export(name)


@pytest.mark.slow
@pytest.mark.parametrize('name', REST)
def test_all_others(name):
    step_and_export(name)
