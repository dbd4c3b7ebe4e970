"""Branches against the widths, shapes and counts of the released code."""

import pytest
import torch
from mmpretrain.registry import MODELS

from cds_mm.branches import (
    Branch,
    NetworkSpec,
    ResidualTower,
    SepConvTower,
    StageSpec,
    network_spec,
    stage_specs,
)
from cds_mm.branches.geometry import stage_maps
from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed

ALL = dict(out_indices=(0, 1, 2, 3))
# Its last stage is as large as the one before.
R18, R50 = (2, 2, 2, 2), (3, 4, 6, 3)
DILATED = dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))


def count(module):
    return sum(p.numel() for p in module.parameters())


def resnet_specs(expansion, stem_stride, blocks=(None,) * 4):
    return {
        f'stage{i + 1}': StageSpec(
            64 * expansion * 2**i, stem_stride * 2**i, blocks[i]
        )
        for i in range(4)
    }


def resnet(expansion, stem_stride, num_classes=None):
    return NetworkSpec(resnet_specs(expansion, stem_stride), num_classes)


@pytest.mark.parametrize(
    ('expansion', 'expected'),
    [
        (1, [268_800, 254_976, 202_752, 0]),
        (4, [4_171_776, 3_969_024, 3_170_304, 0]),
    ],
)
def test_parameter_counts(expansion, expected):
    network = resnet(expansion, 4)
    towers = [SepConvTower(name, network) for name in network.stages]
    assert [count(tower) for tower in towers] == expected
    # cin^2 + cin*cout + 20*cin + 2*cout of a single block, as a formula.
    cin, cout = 256 * expansion, 512 * expansion
    assert expected[2] == cin**2 + cin * cout + 20 * cin + 2 * cout


@pytest.mark.parametrize(
    ('config', 'size', 'expected'),
    [
        (dict(type='ResNet', depth=18), 224, resnet_specs(1, 4, R18)),
        (dict(type='ResNet', depth=50), 224, resnet_specs(4, 4, R50)),
        (dict(type='ResNet_CIFAR', depth=18), 32, resnet_specs(1, 1, R18)),
        (dict(type='ResNet_CIFAR', depth=50), 32, resnet_specs(4, 1, R50)),
        (
            dict(type='ResNetNoMaxPool', depth=18),
            224,
            resnet_specs(1, 2, R18),
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
    network = NetworkSpec(expected)
    for name, stage_map in maps.items():
        branch = Branch(name, network, dict(type='SepConvTower')).eval()
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
    network = NetworkSpec(specs)
    for name, stage_map in maps.items():
        branch = Branch(name, network, dict(type='SepConvTower')).eval()
        assert branch.tower(stage_map).shape == last.shape


@pytest.mark.parametrize(
    'config',
    [
        dict(type='MobileNetV2', out_indices=(1, 2, 3, 4, 5, 6)),
        dict(type='VisionTransformer', arch='deit-tiny', img_size=64,
             out_type='featmap', final_norm=False, out_indices=(2, 5, 8, 11)),
        dict(type='ResNet', depth=18, **ALL, **DILATED),
    ],
)  # fmt: skip
def test_every_tower_but_the_last_has_something_to_learn(config):
    torch.manual_seed(fresh_seed())
    backbone = MODELS.build(config)
    network = network_spec(backbone)
    maps = stage_maps(backbone, torch.randn(2, 3, 64, 64))
    *earlier, last = maps
    for tap in earlier:
        tower = SepConvTower(tap, network)
        tapped, deepest = network.stages[tap], network.last
        halvings = torch.log2(torch.tensor(deepest.stride / tapped.stride))
        assert len(tower) == max(1, round(float(halvings)))
        assert tower(maps[tap]).shape == maps[last].shape
    assert not list(SepConvTower(last, network).parameters())


def test_a_stage_that_is_not_there():
    backbone = MODELS.build(dict(type='ResNet', depth=18, out_indices=(3,)))
    network = network_spec(backbone)
    with pytest.raises(UserError, match='stage1.*gives stage4'):
        Branch('stage1', network, dict(type='SepConvTower'))


def test_a_backbone_without_maps():
    backbone = MODELS.build(
        dict(type='VisionTransformer', arch='deit-tiny', img_size=64)
    )
    with pytest.raises(UserError, match="out_type='featmap'"):
        stage_specs(backbone)


def test_heads():
    network = resnet(1, 4, num_classes=7)
    head = dict(type='ClassHead')
    branch = Branch('stage3', network, dict(type='SepConvTower'), head)
    assert branch(torch.randn(2, 256, 8, 8)).shape == (2, 7)
    with pytest.raises(UserError, match='no head'):
        Branch('stage3', resnet(1, 4), dict(type='SepConvTower'), head)
    mlp = dict(type='ProjectionHead', hidden=32, out_channels=16)
    branch = Branch('stage4', network, dict(type='IdentityTower'), mlp)
    assert branch(torch.randn(2, 512, 4, 4)).shape == (2, 16)


def test_convolutions_start_by_fan_out():
    torch.manual_seed(fresh_seed())
    branch = Branch('stage3', resnet(4, 4), dict(type='SepConvTower'))
    branch.init_weights()
    block = branch.tower[0]
    # Depthwise: fan-out is channels * 9, as torch counts it.
    assert float(block[0].weight.std()) == pytest.approx(
        (2 / (1024 * 9)) ** 0.5, rel=0.05
    )
    assert float(block[5].weight.std()) == pytest.approx(
        (2 / 2048) ** 0.5, rel=0.05
    )


def deep_heads(depth, num_classes, mult):
    backbone = MODELS.build(dict(type='ResNet', depth=depth, **ALL))
    network = network_spec(backbone, num_classes)
    head = dict(type='ClassHead')
    # Hundreds of megabytes that nobody reads.
    with torch.device('meta'):
        return residual_heads(network, head, mult)


def residual_heads(network, head, mult):
    """Parameters of the two branches of DKS with their class heads."""
    towers = (
        dict(type='ResidualTower', blocks=('half', 2)),
        dict(type='ResidualTower', blocks=('all',), width_mult=mult),
    )
    return sum(
        count(Branch(tap, network, tower, head))
        for tap, tower in zip(('stage2', 'stage3'), towers, strict=True)
    )


@pytest.mark.parametrize(
    ('depth', 'num_classes', 'mult', 'expected'),
    [
        (18, 1000, 2, 41_794_000),
        (18, 100, 2, 40_409_800),
        (18, 1000, 1, 18_732_496),
        (34, 1000, 2, 63_033_808),
        (34, 100, 2, 61_649_608),
        (50, 1000, 2, 74_965_968),
        (50, 100, 2, 69_434_568),
        (50, 1000, 1, 33_311_696),
        (101, 1000, 2, 85_020_624),
        (101, 100, 2, 79_489_224),
    ],
)
def test_residual_heads_have_the_published_size(
    depth, num_classes, mult, expected
):
    assert deep_heads(depth, num_classes, mult) == expected


def stages_of_towers(blocks, expansion=1):
    """(width in, width out, blocks, stride) of each stage of both towers."""
    built = []

    def stage(*settings):
        built.append(settings)
        return torch.nn.Identity()

    specs = resnet_specs(expansion, 4, (*blocks, None))
    specs = dict(list(specs.items())[: len(blocks)])
    network = NetworkSpec(specs, residual_stage=stage)
    second, third = list(specs)[-3:-1]
    ResidualTower(second, network, ('half', 2))
    ResidualTower(third, network, ('all',), width_mult=2)
    return built


@pytest.mark.parametrize(
    ('blocks', 'expected'),
    [
        # DHM's `branch_layers` of ResNet-18, 34 and 50, 101, 152.
        ((2, 2, 2, 2), (1, 2, 2)),
        ((3, 4, 6, 3), (3, 2, 3)),
        ((3, 4, 23, 3), (12, 2, 3)),
        ((3, 8, 36, 3), (18, 2, 3)),
        # Of DKS's WRN-28-10, which has 4, 2 and 4.
        ((4, 4, 4), (2, 2, 4)),
    ],
)
@pytest.mark.parametrize('expansion', [1, 4])
def test_the_depths_of_dhm(blocks, expected, expansion):
    built = stages_of_towers(blocks, expansion)
    assert tuple(depth for _, _, depth, _ in built) == expected
    last = 64 * expansion * 2 ** (len(blocks) - 1)
    assert [(a, b, s) for a, b, _, s in built] == [
        (last // 4, last // 2, 2),
        (last // 2, last, 2),
        (last // 2, 2 * last, 2),
    ]


@pytest.mark.parametrize(
    ('expansion', 'num_classes', 'expected'),
    [
        (1, 100, 880_428),
        (1, 1000, 2_265_528),
        (4, 100, 11_925_804),
        (4, 1000, 17_458_104),
    ],
)
def test_separable_class_heads_have_the_published_size(
    expansion, num_classes, expected
):
    network = resnet(expansion, 4, num_classes)
    tower, head = dict(type='SepConvTower'), dict(type='ClassHead')
    taps = ('stage1', 'stage2', 'stage3')
    assert expected == sum(
        count(Branch(tap, network, tower, head)) for tap in taps
    )


@pytest.mark.parametrize('size', [32, 64])
def test_residual_towers_end_at_the_size_of_the_last_stage(size):
    backbone = MODELS.build(dict(type='ResNet_CIFAR', depth=18, **ALL))
    network = network_spec(backbone)
    backbone.eval()
    maps = stage_maps(backbone, torch.randn(1, 3, size, size))
    tower = ResidualTower('stage2', network, ('half', 2)).eval()
    assert tower(maps['stage2']).shape == maps['stage4'].shape
    assert [len(stage) for stage in tower] == [1, 2]
    wide = ResidualTower('stage3', network, ('all',), width_mult=2).eval()
    assert wide(maps['stage3']).shape == (1, 1024, *maps['stage4'].shape[2:])
    assert type(wide[0][0]) is backbone.block


def test_residual_towers_that_cannot_be():
    with pytest.raises(UserError, match='SepConvTower'):
        ResidualTower('stage3', resnet(1, 4), ('all',))
    backbone = MODELS.build(dict(type='ResNet_CIFAR', depth=18, **ALL))
    with pytest.raises(UserError, match='2 stages come after'):
        ResidualTower('stage2', network_spec(backbone), ('all',))


def test_block_counts_that_are_none():
    backbone = MODELS.build(dict(type='ResNet_CIFAR', depth=18, **ALL))
    network = network_spec(backbone)
    assert len(ResidualTower('stage3', network, (5,))[0]) == 5
    with pytest.raises(UserError, match="blocks='whole'"):
        ResidualTower('stage3', network, ('whole',))


def test_a_raw_sum_is_normalised_before_a_tower_reads_it():
    raw = StageSpec(16, 2, raw=True)
    network = NetworkSpec({'stage1': raw, 'stage2': StageSpec(32, 4)})
    tower = SepConvTower('stage1', network)
    seen = []
    tower[1].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    tower(torch.randn(4, 16, 8, 8))
    assert float(seen[0].min()) == 0
    assert count(tower) == count(tower[1]) + 2 * 16
