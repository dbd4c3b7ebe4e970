"""The networks of the paper: sizes, shapes, and what they compute."""

import copy

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmpretrain.registry import MODELS
from torch import nn
from torch.nn import functional as F

from cds_mm.branches.geometry import StageSpec, stage_specs
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, fresh_seed

# Parameters of the classifier with 1000 classes and the ImageNet stem, and
# with 100 classes and the CIFAR stem.
COUNTS = {
    'r18': (11_689_512, 11_220_132),
    'r34': (21_797_672, 21_328_292),
    'r50': (25_557_032, 23_705_252),
    'r101': (44_549_160, 42_697_380),
    'rxt50': (25_028_904, 23_177_124),
    'rxt101': (44_177_704, 42_325_924),
    'wrn50': (68_883_240, 67_031_460),
    'wrn101': (126_886_696, 125_034_916),
    'se18': (11_779_624, 11_310_244),
    'se50': (28_088_024, 26_236_244),
    # No source has the first one: stem and classifier grow as r18's do.
    'preact18': (11_218_340 + 11_689_512 - 11_220_132, 11_218_340),
}
TORCHVISION = {
    'r18': 'resnet18',
    'r34': 'resnet34',
    'r50': 'resnet50',
    'rxt50': 'resnext50_32x4d',
    'wrn50': 'wide_resnet50_2',
    'wrn101': 'wide_resnet101_2',
}
SMALL = dict(base_channels=16, stem_channels=16)
OURS = [
    dict(type='ResNeXt_CIFAR', depth=50, groups=4, width_per_group=4),
    dict(type='SEResNetAnyDepth', depth=18),
    dict(type='SEResNetAnyDepth', depth=34),
    dict(type='SEResNet_CIFAR', depth=18),
    dict(type='SEResNet_CIFAR', depth=50),
    dict(type='PreActResNet', depth=18),
    dict(type='PreActResNet', depth=34),
    dict(type='PreActResNet_CIFAR', depth=18),
]
PREACT = dict(type='PreActResNet', depth=18, **SMALL)
ALL = (0, 1, 2, 3)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(fresh_seed())


def model_config(name):
    return Config.fromfile(CONFIGS / '_base_' / 'models' / f'{name}.py').model


def build(**config):
    """A backbone in eval mode whose norms are no identities."""
    backbone = MODELS.build(dict(out_indices=ALL, **config))
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.3, 1)
            nn.init.normal_(module.bias, 0, 0.2)
    backbone.eval()
    return backbone


def assert_close(found, expected):
    gap = (found - expected).abs().max()
    assert gap <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize('stem', ['', '_cifar'])
@pytest.mark.parametrize('name', COUNTS)
def test_parameters_and_stages(name, stem):
    config = model_config(name + stem)
    assert config.backbone.zero_init_residual is False
    assert config.backbone.out_indices == ALL
    config.pop('type')
    config.pop('memory_format')
    model = MODELS.build(dict(config, type='ImageClassifier'))
    count = sum(p.numel() for p in model.parameters())
    assert count == COUNTS[name][bool(stem)]
    side, first = (32, 32) if stem else (224, 56)
    expansion = 4 if int(name.lstrip('prewactxsn')) >= 50 else 1
    # Shapes alone: on this device nothing is computed.
    maps = model.backbone.to('meta')(
        torch.empty(2, 3, side, side, device='meta')
    )
    assert [tuple(m.shape) for m in maps] == [
        (2, 64 * expansion * 2**i, first >> i, first >> i) for i in range(4)
    ]


def plain_norm(x, state, name):
    names = ('running_mean', 'running_var', 'weight', 'bias')
    return F.batch_norm(x, *(state[f'{name}.{part}'] for part in names))


def plain_stages(state):
    """Name and stride of each block of a ResNet-18."""
    for stage in range(1, 5):
        for index in range(2):
            stride = 2 if stage > 1 and index == 0 else 1
            yield stage, f'layer{stage}.{index}', stride


def plain_preact18(state, images):
    """PreAct-ResNet-18 with the ImageNet stem, from functions alone."""
    x = F.conv2d(images, state['conv1.weight'], stride=2, padding=3)
    x = F.max_pool2d(x, 3, 2, 1)
    maps = {}
    for stage, name, stride in plain_stages(state):
        first, second, shortcut = (
            state.get(f'{name}.{layer}.weight')
            for layer in ('conv1', 'conv2', 'downsample.0')
        )
        active = plain_norm(x, state, f'{name}.bn1').relu()
        if shortcut is not None:
            x = F.conv2d(active, shortcut, stride=stride)
        out = F.conv2d(active, first, stride=stride, padding=1)
        out = plain_norm(out, state, f'{name}.bn2').relu()
        x = maps[stage] = x + F.conv2d(out, second, padding=1)
    maps[4] = plain_norm(x, state, 'final_norm').relu()
    return maps.values()


def plain_excitation(x, state, name):
    def linear(vector, layer):
        weight = state[f'{name}.{layer}.conv.weight'].flatten(1)
        return F.linear(vector, weight, state[f'{name}.{layer}.conv.bias'])

    squeezed = linear(x.mean((2, 3)), 'conv1').relu()
    return x * linear(squeezed, 'conv2').sigmoid()[:, :, None, None]


def plain_se18(state, images):
    """SE-ResNet-18 with the ImageNet stem, from functions alone."""
    x = F.conv2d(images, state['conv1.weight'], stride=2, padding=3)
    x = F.max_pool2d(plain_norm(x, state, 'bn1').relu(), 3, 2, 1)
    maps = {}
    for stage, name, stride in plain_stages(state):
        first, second, shortcut = (
            state.get(f'{name}.{layer}.weight')
            for layer in ('conv1', 'conv2', 'downsample.0')
        )
        out = F.conv2d(x, first, stride=stride, padding=1)
        out = plain_norm(out, state, f'{name}.bn1').relu()
        out = F.conv2d(out, second, padding=1)
        out = plain_norm(out, state, f'{name}.bn2')
        out = plain_excitation(out, state, f'{name}.se_layer')
        if shortcut is not None:
            x = F.conv2d(x, shortcut, stride=stride)
            x = plain_norm(x, state, f'{name}.downsample.1')
        x = maps[stage] = (out + x).relu()
    return maps.values()


@pytest.mark.parametrize(
    ('kind', 'reference'),
    [('SEResNetAnyDepth', plain_se18), ('PreActResNet', plain_preact18)],
)
def test_against_plain_functions(kind, reference):
    backbone = build(type=kind, depth=18)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found = backbone(images)
        expected = list(reference(backbone.state_dict(), images))
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize('name', TORCHVISION)
def test_torchvision_computes_the_same(name):
    backbone = build(**pick(model_config(name).backbone))
    network = getattr(torchvision.models, TORCHVISION[name])().eval()
    head = {f'fc.{k}': v for k, v in network.fc.state_dict().items()}
    network.load_state_dict({**backbone.state_dict(), **head}, strict=True)
    network.fc = nn.Identity()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert_close(backbone(images)[-1].mean((2, 3)), network(images))


def pick(backbone):
    return {k: v for k, v in backbone.items() if k != 'out_indices'}


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        ('ResNeXt', dict(depth=50, groups=4, width_per_group=4)),
        ('SEResNet', dict(depth=50)),
        ('PreActResNet', dict(depth=18)),
    ],
)
def test_the_cifar_stem_changes_nothing_else(kind, options):
    standard = build(type=kind, **options, **SMALL)
    cifar = build(type=f'{kind}_CIFAR', **options, **SMALL)
    state, other = cifar.state_dict(), standard.state_dict()
    assert list(state) == list(other)
    differing = [k for k in state if state[k].shape != other[k].shape]
    assert differing == ['conv1.weight']
    # The same maps from the same weights, once the first map is given.
    stem = other.pop('conv1.weight')
    cifar.load_state_dict(other, strict=False)
    assert stem.shape[-1] == 7 and cifar.conv1.weight.shape[-1] == 3
    images = torch.randn(2, 3, 32, 32)
    first = F.conv2d(images, cifar.conv1.weight, padding=1)
    standard.conv1, standard.maxpool = Given(first), nn.Identity()
    with torch.no_grad():
        for ours, theirs in zip(cifar(images), standard(images), strict=True):
            assert torch.equal(ours, theirs)


class Given(nn.Module):
    """Gives what it was given, whatever comes."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return self.value


@pytest.mark.parametrize(
    'config', [c for c in OURS if c['type'] != 'SEResNetAnyDepth']
)
def test_a_deep_stem_is_refused(config):
    with pytest.raises(UserError, match=f'{config["type"]}: deep_stem=True'):
        build(**config, deep_stem=True)


@pytest.mark.parametrize('config', OURS)
def test_every_parameter_learns(config):
    backbone = build(**config, **SMALL, zero_init_residual=False)
    backbone.init_weights()
    backbone.train()
    last = backbone(torch.randn(4, 3, 64, 64))[-1]
    (last * torch.randn_like(last)).sum().backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize('config', OURS)
def test_residual_layers_for_branches(config):
    backbone = build(**config, **SMALL)
    names = ('block', 'expansion', 'stage_blocks')
    block, expansion, blocks = (getattr(backbone, name) for name in names)
    width = 1024 * expansion
    layer = backbone.make_res_layer(
        block=block,
        num_blocks=blocks[-1],
        in_channels=256 * expansion,
        out_channels=width,
        expansion=expansion,
    )
    assert [type(b) for b in layer] == [block] * blocks[-1]
    assert all(p.requires_grad for p in layer.parameters())
    maps = torch.randn(2, 256 * expansion, 8, 8)
    assert layer(maps).shape == (2, width, 8, 8)
    # As the backbone's own layers are made.
    layer = backbone.make_res_layer(
        block=block,
        num_blocks=1,
        in_channels=256 * expansion,
        out_channels=width,
        expansion=expansion,
        stride=2,
        dilation=1,
        style='pytorch',
        avg_down=False,
        with_cp=False,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        drop_path_rate=[0.0],
    )
    assert layer(maps).shape == (2, width, 4, 4)


@pytest.mark.parametrize('kind', ['SEResNetAnyDepth', 'PreActResNet'])
def test_saving_memory_changes_no_gradient(kind):
    backbone = build(type=kind, depth=18, **SMALL)
    thrifty = build(type=kind, depth=18, with_cp=True, **SMALL)
    thrifty.load_state_dict(backbone.state_dict())
    images = torch.randn(2, 3, 64, 64)
    for model in (backbone, thrifty):
        model(images)[-1].square().sum().backward()
    for ours, theirs in zip(
        thrifty.parameters(), backbone.parameters(), strict=True
    ):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize('kind', ['SEResNetAnyDepth', 'PreActResNet'])
def test_a_dropped_path_leaves_the_shortcut(kind):
    backbone = build(type=kind, depth=18, drop_path_rate=1 - 1e-7, **SMALL)
    block = backbone.layer4[1]  # the rate grows with depth up to this one
    maps = torch.randn(2, 128, 4, 4)
    shortcut = maps if kind == 'PreActResNet' else maps.relu()
    assert not torch.allclose(block(maps), shortcut)
    block.train()
    assert torch.equal(block(maps), shortcut)


def test_raw_stages():
    backbone = build(**PREACT)
    maps = backbone(torch.randn(2, 3, 64, 64))
    assert backbone.raw_stages == ('stage1', 'stage2', 'stage3')
    assert [bool((m < 0).any()) for m in maps] == [True, True, True, False]
    specs = stage_specs(backbone)
    assert specs == {
        f'stage{i + 1}': StageSpec(16 << i, 4 << i, blocks=2, raw=i < 3)
        for i in range(4)
    }
    assert set(backbone.raw_stages) < set(specs)


def test_some_stages_alone():
    backbone = build(**PREACT)
    images = torch.randn(2, 3, 64, 64)
    maps = backbone(images)
    for indices in [(3,), (0, 2), (1, 3), (2,)]:
        backbone.out_indices = indices
        found = backbone(images)
        assert len(found) == len(indices)
        for index, ours in zip(indices, found, strict=True):
            assert torch.equal(ours, maps[index])


def test_fewer_stages():
    backbone = MODELS.build(
        dict(
            PREACT,
            num_stages=3,
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            out_indices=(1, 2),
        )
    )
    assert backbone.raw_stages == ('stage1', 'stage2')
    raw, last = backbone(torch.randn(2, 3, 64, 64))
    assert last.shape == (2, 64, 4, 4)
    assert (raw < 0).any() and not (last < 0).any()


@pytest.mark.parametrize('frozen', [-1, 0, 1, 3, 4])
def test_freezing(frozen):
    backbone = build(**PREACT, frozen_stages=frozen)
    backbone.train()
    still = {
        name.split('.')[0]
        for name, parameter in backbone.named_parameters()
        if not parameter.requires_grad
    }
    expected = {f'layer{i}' for i in range(1, frozen + 1)}
    if frozen >= 0:
        expected.add('conv1')
    if frozen == 4:
        expected.add('final_norm')
    assert still == expected
    assert backbone.final_norm.training == (frozen < 4)


def test_norms_in_eval_mode():
    backbone = build(**PREACT, norm_eval=True)
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    assert backbone.training
    backbone(torch.randn(2, 3, 64, 64))
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_zeroing_residuals_would_end_learning():
    with pytest.raises(UserError, match='no gradient passes'):
        build(**PREACT, zero_init_residual=True)
    MODELS.build(dict(PREACT)).init_weights()
