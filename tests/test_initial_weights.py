"""How weights start: as in the released code of CDS, in every part."""

import math

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.branches import NetworkSpec, StageSpec
from cds_mm.config import load_config, with_preprocessor
from cds_mm.supervision import (
    ContrastiveRepresentationDistillation,
    CorrelationCongruence,
    EnsembleSupervision,
    StageDistillation,
)
from cds_mm.testing import CONFIGS, fresh_seed

# A method of each kind of branch or head.
METHODS = [
    'cifar100/baseline_r18_cifar100.py',
    'cifar100/cds_r18_cifar100.py',
    'cifar100/dks_r18_cifar100.py',
    'cifar100/dhm_preact18_cifar100.py',
    'cifar100/dsn_r18_cifar100_sepconv.py',
    'cifar100/cds_se18_cifar100.py',
    'kd/one_r18_cifar100.py',
    'representation/supcon_r18_cifar100_1000e.py',
    'representation/supcon-linear_r18_cifar100_1000e.py',
]
WIDTH = 16


def narrow_model(leaf):
    cfg = load_config(str(CONFIGS / leaf))
    cfg.model.backbone.update(base_channels=WIDTH, stem_channels=WIDTH)
    if cfg.model.head:
        cfg.model.head.in_channels = 8 * WIDTH
    init_default_scope('mmpretrain')
    torch.manual_seed(fresh_seed())
    model = MODELS.build(with_preprocessor(cfg))
    model.init_weights()
    return model


def distance(values, cumulative):
    """Kolmogorov's, times the root of how many there are."""
    values = values.detach().flatten().double().sort().values
    count = len(values)
    wanted = cumulative(values)
    above = torch.arange(1, count + 1) / count - wanted
    return math.sqrt(count) * float(above.abs().max())


def uniform(bound):
    return lambda x: ((x / bound + 1) / 2).clamp(0, 1)


def normal(deviation):
    return lambda x: (1 + torch.erf(x / deviation / math.sqrt(2))) / 2


def check(model):
    """Every module; 3 is exceeded once in thirty million."""
    kinds = dict.fromkeys((nn.Linear, nn.Conv2d, nn.BatchNorm2d), 0)
    for name, module in model.named_modules():
        kind = next((k for k in kinds if isinstance(module, k)), None)
        if kind is None:
            continue
        kinds[kind] += 1
        if kind is nn.Linear:
            # torch.nn.Linear: weight and bias alike.
            bound = uniform(module.in_features**-0.5)
            assert distance(module.weight, bound) < 3, name
            assert distance(module.bias, bound) < 3, name
            assert module.bias.any()
        elif kind is nn.Conv2d:
            size = math.prod(module.kernel_size) * module.out_channels
            deviation = math.sqrt(2 / size)
            assert distance(module.weight, normal(deviation)) < 3, name
        else:
            assert (module.weight == 1).all(), name
            assert not module.bias.any(), name
    return kinds


@pytest.mark.parametrize('leaf', METHODS)
def test_every_layer_of_a_model(leaf):
    model = narrow_model(leaf)
    kinds = check(model)
    assert kinds[nn.Conv2d] > 15 and kinds[nn.BatchNorm2d] > 10
    if model.with_head:
        assert isinstance(model.head.fc, nn.Linear)
    assert kinds[nn.Linear] >= model.with_head


@pytest.mark.parametrize(
    'kind',
    [
        ContrastiveRepresentationDistillation,
        CorrelationCongruence,
        EnsembleSupervision,
        StageDistillation,
    ],
)
def test_what_a_supervision_adds(kind):
    stages = {'stage3': StageSpec(32, 8), 'stage4': StageSpec(64, 16)}
    network = NetworkSpec(stages, 40, dict.fromkeys(stages, 40))
    wider = NetworkSpec(stages, 40, dict.fromkeys(stages, 96))
    torch.manual_seed(fresh_seed())
    supervision = kind()
    supervision.connect(network, wider)
    assert check(supervision)[nn.Linear] > 0


def test_every_base_of_a_model_starts_its_classifier_so():
    heads = [
        head
        for path in sorted((CONFIGS / '_base_/models').glob('*.py'))
        if (head := load_config(str(path)).model.head).type == 'LinearClsHead'
    ]
    assert len(heads) > 20
    assert all(head.get('init_cfg', 'default') is None for head in heads)
