"""The network of the released code of CDS, layer by layer with torchvision."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.config import load_config, with_preprocessor
from cds_mm.testing import CONFIGS, fresh_seed, samples


def reference(weights, cifar):
    """torchvision's ResNet-18; none of the released ones max-pools."""
    network = torchvision.models.resnet18()
    network.maxpool = nn.Identity()
    if cifar:
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.fc = nn.Identity()
    network.double().train().load_state_dict(weights)
    return network


def stages(network, images):
    x = network.relu(network.bn1(network.conv1(images)))
    for layer in (
        network.layer1,
        network.layer2,
        network.layer3,
        network.layer4,
    ):
        x = layer(x)
        yield x


def sepconv(x, weights, prefix):
    """Depthwise, pointwise, BN, ReLU, twice; the first one strides."""
    for first, stride in ((0, 2), (4, 1)):
        for layer in (first, first + 1):
            kernel = weights[f'{prefix}.{layer}.weight']
            groups = len(kernel) if layer == first else 1
            step = stride if layer == first else 1
            padding = kernel.size(-1) // 2
            x = F.conv2d(x, kernel, None, step, padding, 1, groups)
        scale, shift = (
            weights[f'{prefix}.{first + 2}.{kind}']
            for kind in ('weight', 'bias')
        )
        x = F.batch_norm(x, None, None, scale, shift, training=True).relu()
    return x


def below(state, prefix):
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in state.items()
        if key.startswith(prefix)
    }


@pytest.mark.parametrize(
    ('leaf', 'side', 'backbone'),
    [
        ('cifar100/cds_r18_cifar100.py', 32, {}),
        # The leaf with this network is a ResNet-50.
        ('cds_r18_in1k.py', 64, dict(type='ResNetNoMaxPool')),
    ],
)
def test_maps_logits_and_projections(leaf, side, backbone):
    cfg = load_config(str(CONFIGS / leaf))
    cfg.model.backbone.update(backbone)
    init_default_scope('mmpretrain')
    torch.manual_seed(fresh_seed())
    model = MODELS.build(with_preprocessor(cfg)).double().train()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    images = torch.randn(6, 3, side, side, dtype=torch.float64)
    seen = model.stage_outputs(images, samples([0, 1, 2]))
    weights = below(state, 'backbone.')
    theirs = reference(weights, cifar='cifar' in leaf)
    maps = list(stages(theirs, images))
    for ours, wanted in zip(seen.maps.values(), maps, strict=True):
        torch.testing.assert_close(ours, wanted)
    head = below(state, 'head.fc.')
    pooled = maps[-1].mean((2, 3))
    wanted = F.linear(pooled, head['weight'], head['bias'])
    torch.testing.assert_close(seen.logits, wanted)
    for number, x in enumerate(maps, 1):
        branch = below(state, f'branches.stage{number}.tower.')
        for block in range(4 - number):
            x = sepconv(x, branch, block)
        projection = seen.branches[f'stage{number}']
        torch.testing.assert_close(projection, x.mean((2, 3)))


def test_the_leaf_that_says_so_has_that_network():
    cfg = load_config(str(CONFIGS / 'cds_r50_in1k_as-released.py'))
    assert cfg.model.backbone.type == 'ResNetNoMaxPool'
