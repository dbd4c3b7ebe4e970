"""Branches against the widths, shapes and counts of the released code."""

import pytest
import torch
from mmpretrain.registry import MODELS

from cds_mm.branches import Branch, SepConvTower, StageSpec, stage_specs
from cds_mm.branches.geometry import stage_maps
from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed

ALL = dict(out_indices=(0, 1, 2, 3))
# Its last stage is as large as the one before.
DILATED = dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))


def count(module):
    return sum(p.numel() for p in module.parameters())


def resnet_specs(expansion, stem_stride):
    return {
        f'stage{i + 1}': StageSpec(64 * expansion * 2**i, stem_stride * 2**i)
        for i in range(4)
    }


@pytest.mark.parametrize(
    ('expansion', 'expected'),
    [
        (1, [268_800, 254_976, 202_752, 0]),
        (4, [4_171_776, 3_969_024, 3_170_304, 0]),
    ],
)
def test_parameter_counts(expansion, expected):
    specs = resnet_specs(expansion, 4)
    towers = [SepConvTower(s, specs['stage4']) for s in specs.values()]
    assert [count(tower) for tower in towers] == expected
    # cin^2 + cin*cout + 20*cin + 2*cout of a single block, as a formula.
    cin, cout = 256 * expansion, 512 * expansion
    assert expected[2] == cin**2 + cin * cout + 20 * cin + 2 * cout


@pytest.mark.parametrize(
    ('config', 'size', 'expected'),
    [
        (dict(type='ResNet', depth=18), 224, resnet_specs(1, 4)),
        (dict(type='ResNet', depth=50), 224, resnet_specs(4, 4)),
        (dict(type='ResNet_CIFAR', depth=18), 32, resnet_specs(1, 1)),
        (dict(type='ResNet_CIFAR', depth=50), 32, resnet_specs(4, 1)),
        (
            dict(type='ResNetNoMaxPool', depth=18),
            224,
            resnet_specs(1, 2),
        ),
    ],
)
def test_geometry_and_shapes(config, size, expected):
    torch.manual_seed(fresh_seed())
    backbone = MODELS.build(dict(config, out_indices=(0, 1, 2, 3)))
    assert stage_specs(backbone) == expected
    backbone.eval()
    maps = stage_maps(backbone, torch.randn(1, 3, size, size))
    last = list(maps.values())[-1]
    for name, stage_map in maps.items():
        branch = Branch(name, expected, dict(type='SepConvTower')).eval()
        # Every tower ends at the last stage's size.
        assert branch.tower(stage_map).shape == last.shape
        assert branch(stage_map).shape == (1, last.size(1))
    pooled = last.mean((2, 3))
    torch.testing.assert_close(branch(last), pooled)


@pytest.mark.parametrize(
    'config',
    [
        dict(type='MobileNetV2', out_indices=(1, 2, 4, 6)),
        dict(type='ConvNeXt', arch='atto', gap_before_final_norm=False, **ALL),
        dict(type='SwinTransformer', arch='tiny', **ALL),
        dict(type='RegNet', arch='regnetx_400mf', **ALL),
        dict(type='ResNet', depth=18, **ALL, **DILATED),
    ],
)  # fmt: skip
def test_any_backbone_with_maps(config):
    backbone = MODELS.build(config)
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    specs = stage_specs(backbone)
    assert backbone.training
    for name, tensor in backbone.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    backbone.eval()
    maps = stage_maps(backbone, torch.randn(1, 3, 224, 224))
    last = list(maps.values())[-1]
    assert list(maps) == [f'stage{i + 1}' for i in config['out_indices']]
    for name, stage_map in maps.items():
        branch = Branch(name, specs, dict(type='SepConvTower')).eval()
        assert branch.tower(stage_map).shape == last.shape


def test_a_stage_that_is_not_there():
    backbone = MODELS.build(dict(type='ResNet', depth=18, out_indices=(3,)))
    specs = stage_specs(backbone)
    with pytest.raises(UserError, match='stage1.*gives stage4'):
        Branch('stage1', specs, dict(type='SepConvTower'))


def test_a_backbone_without_maps():
    backbone = MODELS.build(
        dict(type='VisionTransformer', arch='deit-tiny', img_size=64)
    )
    with pytest.raises(UserError, match="out_type='featmap'"):
        stage_specs(backbone)


def test_heads():
    specs = resnet_specs(1, 4)
    head = dict(type='ClassHead', num_classes=7)
    branch = Branch('stage3', specs, dict(type='SepConvTower'), head)
    assert branch(torch.randn(2, 256, 8, 8)).shape == (2, 7)
    mlp = dict(type='ProjectionHead', hidden=32, out_channels=16)
    branch = Branch('stage4', specs, dict(type='IdentityTower'), mlp)
    assert branch(torch.randn(2, 512, 4, 4)).shape == (2, 16)


def test_convolutions_start_by_fan_out():
    torch.manual_seed(fresh_seed())
    branch = Branch('stage3', resnet_specs(4, 4), dict(type='SepConvTower'))
    branch.init_weights()
    block = branch.tower[0]
    # Depthwise: fan-out is channels * 9, as torch counts it.
    assert float(block[0].weight.std()) == pytest.approx(
        (2 / (1024 * 9)) ** 0.5, rel=0.05
    )
    assert float(block[5].weight.std()) == pytest.approx(
        (2 / 2048) ** 0.5, rel=0.05
    )
