"""The backbones of ``backbones.py``: as trained, and as a detector has them.

Narrow and shallow, so that all of them take a minute.  What counts is the
class, its names, its outputs and what its images have to be.
"""

from dataclasses import dataclass, field

ALL = (0, 1, 2, 3)
NARROW = dict(base_channels=8, stem_channels=8)


@dataclass(frozen=True)
class Row:
    """One backbone.

    Attributes:
        name: for people.
        trained: config in pretraining.
        built: what a detector's config says otherwise; its type is written
            with the scope of MMPretrain unless it says so.
        size: side of the images in pretraining.
        refused: how the line begins that refuses ``built``; then ``fixed`` is
            what follows from it.
        fixed: what the line says, on top of ``built``; None if it says to
            pretrain in another way.
        slow: whether it is left out of the quick tests.
    """

    name: str
    trained: dict
    built: dict = field(default_factory=dict)
    size: int = 64
    refused: str = ''
    fixed: dict | None = field(default_factory=dict)
    slow: bool = False

    def backbone(self, **changes) -> dict:
        """The detector's config."""
        kind = self.trained['type']
        full = kind if '.' in kind else f'mmpretrain.{kind}'
        return {**self.trained, 'type': full, **self.built, **changes}


def resnet(kind, depth=50, **settings):
    """A ResNet of MMPretrain that gives all its stages."""
    return dict(
        type=kind, depth=depth, out_indices=ALL, **{**NARROW, **settings}
    )


def timm(name, out_indices=ALL, **settings):
    """A network of timm in MMPretrain's wrapper."""
    return dict(
        type='TIMMBackbone',
        model_name=name,
        features_only=True,
        out_indices=out_indices,
        **settings,
    )


def hrnet():
    """The four stages of an HRNet with one block for each branch."""
    stages = {
        f'stage{n}': dict(
            num_modules=1,
            num_branches=n,
            block='BASIC' if n > 1 else 'BOTTLENECK',
            num_blocks=(1,) * n,
            num_channels=tuple(8 * 2**i for i in range(n)),
        )
        for n in (1, 2, 3, 4)
    }
    return dict(type='HRNet', extra=stages)


SWIN = dict(embed_dims=16, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8])
TIMM_SWIN = dict(
    img_size=64, embed_dim=24, depths=[1] * 4, num_heads=[1, 2, 4, 8]
)
MOBILENET = dict(
    type='MobileNetV2', widen_factor=0.25, out_indices=(1, 2, 4, 6)
)
YOLO = dict(widen_factor=0.125, out_indices=(2, 3, 4))
OF_MMDET = dict(type='ResNet')
ROWS = [
    Row('ResNet-18', resnet('ResNet', 18), OF_MMDET),
    Row('ResNet-50', resnet('ResNet'), OF_MMDET, slow=True),
    Row('ResNet-101', resnet('ResNet', 101), OF_MMDET, slow=True),
    Row(
        'ResNeXt-50',
        resnet('ResNeXt', groups=4, width_per_group=2),
        dict(type='ResNeXt', width_per_group=None, base_width=2),
        slow=True,
    ),
    Row(
        'Wide ResNet-50',
        resnet('ResNet', base_channels=16, expansion=2),
        slow=True,
    ),
    Row('SE-ResNet-50', resnet('SEResNet'), slow=True),
    Row('ResNetV1d-50', resnet('ResNetV1d'), dict(type='ResNetV1d')),
    Row(
        'Res2Net-50',
        resnet('Res2Net'),
        dict(type='Res2Net'),
        # At stride 1 MMDetection's leaves out the pool of the last part.
        refused='backbone: ',
        fixed=dict(type='mmpretrain.Res2Net'),
        slow=True,
    ),
    Row('ResNeSt-50', resnet('ResNeSt'), dict(type='ResNeSt'), slow=True),
    Row(
        'RegNetX-400MF',
        dict(type='RegNet', arch='regnetx_400mf', out_indices=ALL),
        dict(type='RegNet'),
        slow=True,
    ),
    Row(
        'ConvNeXt',
        dict(
            type='ConvNeXt',
            arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
            out_indices=ALL,
            gap_before_final_norm=False,
        ),
    ),
    Row(
        'ConvNeXt, two stages',
        dict(
            type='ConvNeXt',
            arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
            out_indices=(2, 3),
            gap_before_final_norm=False,
        ),
        dict(out_indices=(1, 2, 3)),
        refused='out_indices: ',
        fixed=dict(out_indices=(2, 3)),
    ),
    Row(
        'Swin',
        dict(
            type='SwinTransformer',
            arch=SWIN,
            out_indices=ALL,
            pad_small_map=True,
        ),
        dict(type='SwinTransformer', arch=None, pad_small_map=None, **SWIN),
        # MMDetection's loads a file in a way of its own, and nothing of ours.
        refused='backbone: ',
        fixed=dict(
            dict.fromkeys(SWIN),
            type='mmpretrain.SwinTransformer',
            arch=SWIN,
            pad_small_map=True,
        ),
    ),
    Row(
        'Swin, 224 pixels',
        dict(type='SwinTransformer', arch=SWIN, out_indices=ALL),
        size=224,
        slow=True,
    ),
    Row('MobileNetV2', MOBILENET, dict(type='MobileNetV2')),
    Row(
        'MobileNetV3',
        dict(type='MobileNetV3', arch='small', out_indices=(0, 3, 8, 11)),
        slow=True,
    ),
    Row(
        'EfficientNet-B0',
        dict(type='EfficientNet', arch='b0', out_indices=(2, 3, 4, 5)),
        dict(type='EfficientNet'),
        slow=True,
    ),
    Row('HRNet', hrnet(), dict(type='HRNet')),
    Row(
        'CSPDarknet (YOLOX)',
        dict(type='mmdet.CSPDarknet', deepen_factor=0.33, **YOLO),
    ),
    Row(
        'CSPNeXt (RTMDet)',
        dict(type='mmdet.CSPNeXt', deepen_factor=0.167, **YOLO),
    ),
    Row(
        'PVTv2',
        dict(
            type='mmdet.PyramidVisionTransformerV2',
            embed_dims=8,
            num_layers=[1, 1, 1, 1],
        ),
    ),
    Row(
        'ViT',
        dict(
            type='VisionTransformer',
            arch=dict(
                embed_dims=32,
                num_layers=4,
                num_heads=2,
                feedforward_channels=64,
            ),
            img_size=64,
            out_indices=ALL,
            out_type='featmap',
        ),
    ),
    Row(
        'timm Swin',
        timm(
            'swin_tiny_patch4_window7_224',
            feature_cls='getter',
            strict_img_size=False,
            **TIMM_SWIN,
        ),
    ),
    Row(
        'timm Swin, channels last',
        timm('swin_tiny_patch4_window7_224', **TIMM_SWIN),
        refused='stage 1: ',
        fixed=None,
    ),
    Row('timm ResNet-18', timm('resnet18', (1, 2, 3, 4)), slow=True),
    Row('timm ConvNeXt', timm('convnext_atto'), slow=True),
    Row(
        'timm MobileNetV4',
        timm('mobilenetv4_conv_small', (1, 2, 3, 4)),
        slow=True,
    ),
]
