"""Table of docs/exports.md: which library takes which backbone.

    python tools/benchmarks/exports.py > table.md

Each backbone has random weights.  It is exported as ``convert_backbone.py
--target`` does, and its file is read again; a target whose library is not
installed is not proven, which the table says.
"""

import argparse
import importlib.util
import platform
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

from cds_mm import registration  # noqa: F401
from cds_mm.checkpoint import BackboneRecord, targets
from cds_mm.checkpoint.exports.proving import difference
from cds_mm.checkpoint.family import IMAGENET_MEAN, IMAGENET_STD
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.choices import TARGETS
from cds_mm.errors import UserError
from cds_mm.markdown import table_lines

ALL = dict(out_indices=(0, 1, 2, 3))
OF_TIMM = dict(type='TIMMBackbone', features_only=True)
BACKBONES = {
    'ResNet-18': dict(type='ResNet', depth=18),
    'ResNet-50': dict(type='ResNet', depth=50),
    "ResNet-50, style='caffe'": dict(type='ResNet', depth=50, style='caffe'),
    'ResNet-18, CIFAR stem': dict(type='ResNet_CIFAR', depth=18),
    'ResNet-50, no max-pool': dict(type='ResNetNoMaxPool', depth=50),
    'ResNet-50, 32 base channels': dict(
        type='ResNet', depth=50, base_channels=32
    ),
    'ResNeXt-50 32x4d': dict(type='ResNeXt', depth=50),
    'WRN-50-2': dict(type='ResNet', depth=50, base_channels=128, expansion=2),
    'ResNetV1c-50': dict(type='ResNetV1c', depth=50),
    'ResNetV1d-50': dict(type='ResNetV1d', depth=50),
    'SE-ResNet-50': dict(type='SEResNet', depth=50),
    'SE-ResNeXt-50 32x4d': dict(type='SEResNeXt', depth=50),
    'PreActResNet-18': dict(type='PreActResNet', depth=18),
    'RegNetX-400MF': dict(type='RegNet', arch='regnetx_400mf'),
    'RegNetX-3.2GF': dict(type='RegNet', arch='regnetx_3.2gf'),
    'MobileNetV2': dict(type='MobileNetV2'),
    'EfficientNet-B0': dict(type='EfficientNet', arch='b0'),
    'ConvNeXt-T': dict(type='ConvNeXt', arch='tiny', **ALL),
    'Swin-T': dict(
        type='SwinTransformer', arch='tiny', pad_small_map=True, **ALL
    ),
    'Res2Net-50': dict(type='Res2Net', depth=50),
    "timm's resnet18": dict(OF_TIMM, model_name='resnet18'),
    "timm's regnetx_002": dict(OF_TIMM, model_name='regnetx_002'),
    "timm's convnext_atto": dict(OF_TIMM, model_name='convnext_atto'),
}


def cell(source, record: BackboneRecord, target: str) -> str:
    """What came of one export: a difference, or why there is none."""
    endings = {'hf': '', 'onnx': '.onnx', 'detectron2': '.pkl'}
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f'backbone{endings.get(target, ".pth")}'
            targets.check_wanted(path, target, None, False)
            export = targets.export(source, record, target)
            targets.write(export, record, path, None, False, None)
            assert export.proof is not None
            gap = export.proof.difference
            if target == 'hf':
                gap = _of_folder(path, source, export.plan, record)
    except UserError:
        return 'refused'
    if gap is None:
        return 'not proven here'
    return f'{gap:.0e}'.replace('0e+00', '0')


def _of_folder(path: Path, source, plan, record: BackboneRecord) -> float:
    import timm

    network = timm.create_model(f'local-dir:{path}', pretrained=True)
    return difference(source, network.eval(), plan, record)


def main(argv: list[str] | None = None) -> None:
    """Print the table and what it was made with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', help='backbones with this in their name')
    args = parser.parse_args(argv)
    columns = [target for target in TARGETS if target != 'mmdet']
    rows = []
    for name, cfg in BACKBONES.items():
        if args.only and args.only not in name:
            continue
        record = BackboneRecord(
            backbone=cfg,
            channel_order='rgb',
            mean=list(IMAGENET_MEAN),
            std=list(IMAGENET_STD),
        )
        source = random_backbone(record, name)
        rows.append([name, *(cell(source, record, one) for one in columns)])
        print(*rows[-1], file=sys.stderr)
    found = [
        f'{one} {version(one)}'
        for one in ('torch', 'torchvision', 'timm', 'onnx', 'onnxruntime')
        if importlib.util.find_spec(one)
    ]
    print(f'{date.today()}, {platform.machine()} CPU, {", ".join(found)}.\n')
    print('\n'.join(table_lines(['backbone', *columns], rows)))


if __name__ == '__main__':
    main()
