"""Maps with their channels last, as some of timm's networks give them."""

import copy

import pytest
import timm
import torch
from mmengine.model import BaseModule
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.branches import network_spec, stage_specs
from cds_mm.branches.geometry import stage_maps
from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed, samples

SWIN = dict(
    img_size=64,
    window_size=2,
    embed_dim=16,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
)
BACKBONE = dict(
    type='TIMMBackbone',
    model_name='swin_tiny_patch4_window7_224',
    features_only=True,
    **SWIN,
)
WIDTHS = [16, 32, 64, 128]
BRANCH = dict(type='Branch', tower=dict(type='SepConvTower'))


def classifier(backbone, width=128, **more):
    torch.manual_seed(fresh_seed())
    model = MODELS.build(
        dict(
            type='DeepSupervisedClassifier',
            backbone=backbone,
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=5, in_channels=width),
            supervisions=dict(
                ce=dict(type='CrossEntropySupervision', views=(0,)),
                cds=dict(type='ContrastiveSupervision', num_views=2),
            ),
            branches=dict(every_stage=BRANCH),
            **more,
        )
    )
    model.init_weights()
    return model


def test_maps_of_timms_swin_are_what_timm_says():
    backbone = MODELS.build(BACKBONE)
    own = timm.create_model(
        BACKBONE['model_name'], features_only=True, **SWIN
    ).eval()
    own.load_state_dict(backbone.timm_model.state_dict())
    specs = stage_specs(backbone)
    info = backbone.timm_model.feature_info
    assert [spec.channels for spec in specs.values()] == info.channels()
    assert [spec.stride for spec in specs.values()] == info.reduction()
    backbone.eval()
    images = torch.randn(2, 3, 64, 64)
    assert stage_specs(backbone) == specs  # however often it is asked
    maps = stage_maps(backbone, images)
    for one, theirs in zip(maps.values(), own(images), strict=True):
        torch.testing.assert_close(one, theirs.permute(0, 3, 1, 2))


def test_a_classifier_reads_channels_in_training_and_in_inference():
    model = classifier(BACKBONE)
    plain = copy.deepcopy(model.backbone.timm_model)
    images = torch.randn(8, 3, 64, 64)
    towers = [branch.tower for branch in model.branches.values()]
    read = [next(tower.parameters()).size(0) for tower in towers[:-1]]
    assert read == WIDTHS[:-1]
    assert {tower.out_channels for tower in towers} == {WIDTHS[-1]}
    log = model.loss(images, samples([0, 0, 1, 1]))
    total, _ = model.parse_losses(log)
    total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    model.eval(), plain.eval()
    pooled = plain(images)[-1].mean((1, 2))
    expected = pooled @ model.head.fc.weight.T + model.head.fc.bias
    with torch.no_grad():
        found = model.head(model.extract_feat(images))
        torch.testing.assert_close(found, expected)
        # What the host itself does with this backbone, wherever it is.
        host = ImageClassifier.extract_feat(model, images)
        torch.testing.assert_close(host[-1], pooled)
        twin = copy.deepcopy(model)
        torch.testing.assert_close(twin.head(twin.extract_feat(images)), found)


class Maps(BaseModule):
    """Two maps, in any layout, of as many channels as one likes."""

    def __init__(self, channels, last, size=None, mixed=False):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(3, c, 1, s)
            for c, s in zip(channels, (1, 2), strict=True)
        )
        self.last, self.size, self.mixed = last, size, mixed

    def forward(self, x):
        if self.size:
            assert x.size(-1) == self.size, f'images of {self.size}'
        first, second = (conv(x) for conv in self.convs)
        if self.last:
            second = second.permute(0, 2, 3, 1)
        if self.last and not self.mixed:
            first = first.permute(0, 2, 3, 1)
        return first, second


@pytest.mark.parametrize('last', [False, True])
@pytest.mark.parametrize('channels', [(8, 16), (64, 32), (64, 16), (8, 32)])
def test_as_many_channels_as_cells(channels, last):
    backbone = Maps(channels, last)
    specs = network_spec(backbone).stages.values()
    assert [spec.channels for spec in specs] == [*channels]
    assert [spec.stride for spec in specs] == [1, 2]
    maps = backbone(torch.zeros(1, 3, 48, 48))
    assert [one.shape for one in maps] == [
        (1, channels[0], 48, 48),
        (1, channels[1], 24, 24),
    ]


def test_a_layout_that_cannot_be_told():
    for size in (64, 256):
        backbone = Maps((size, 16), last=True, size=size)
        with pytest.raises(UserError, match=r'stage1 is \(\d+, \d+, \d+\)'):
            network_spec(backbone)
        assert not backbone._forward_hooks
        backbone.output_fmt = 'NHWC'
        specs = network_spec(backbone).stages.values()
        assert [spec.channels for spec in specs] == [size, 16]
    with pytest.raises(UserError, match='stage1 NCHW, stage2 NHWC'):
        network_spec(Maps((8, 16), last=True, mixed=True))


@pytest.mark.parametrize(
    ('indices', 'said'),
    [
        ((3, 2, 1, 0), r'write out_indices=\(0, 1, 2, 3\)'),
        ((3, 0), r'write out_indices=\(0, 3\)'),
        ((1, 1), r'write out_indices=\(1,\)'),
        ((-1,), 'gives no map'),
    ],
)
def test_indices_by_which_no_map_has_its_name(indices, said):
    cfg = dict(type='ResNet', depth=18, base_channels=16, stem_channels=16)
    backbone = MODELS.build(dict(cfg, out_indices=indices))
    with pytest.raises(UserError, match=f'ResNet: out_indices=.*{said}'):
        stage_specs(backbone)
    rightly = MODELS.build(dict(cfg, out_indices=(0, 3)))
    found = {name: one.stride for name, one in stage_specs(rightly).items()}
    assert found == dict(stage1=4, stage4=32)
