"""The names that other libraries give to the same weights."""

import re

import torch

from cds_mm.checkpoint.family import CIFAR, stem_of
from cds_mm.checkpoint.record import RECORD_KEY, BackboneRecord
from cds_mm.choices import TARGETS
from cds_mm.errors import UserError

# Pattern and replacement, applied in turn to each bare MMPretrain key.
_TIMM = (
    (r'\bse_layer\.conv([12])\.conv\.', r'se.fc\1.'),
    (r'^stem\.0\.conv\.', 'conv1.0.'),
    (r'^stem\.0\.bn\.', 'conv1.1.'),
    (r'^stem\.1\.conv\.', 'conv1.3.'),
    (r'^stem\.1\.bn\.', 'conv1.4.'),
    (r'^stem\.2\.conv\.', 'conv1.6.'),
    (r'^stem\.2\.bn\.', 'bn1.'),
)
# Where shortcuts average, timm has a pool before the first one as well, which
# MMPretrain leaves out (stride 1): the indices there are one higher.
_AVERAGED = 'layer2.0.downsample.2.weight'
_TIMM_SHORTCUT = (
    (r'^layer1\.0\.downsample\.1\.', 'layer1.0.downsample.2.'),
    (r'^layer1\.0\.downsample\.0\.', 'layer1.0.downsample.1.'),
)
_DETECTRON2 = (
    (r'^(conv1|bn1)\.', r'stem.\1.'),
    (r'^layer1\.', 'res2.'),
    (r'^layer2\.', 'res3.'),
    (r'^layer3\.', 'res4.'),
    (r'^layer4\.', 'res5.'),
    (r'\bbn([123])\.', r'conv\1.norm.'),
    (r'\bdownsample\.0\.', 'shortcut.'),
    (r'\bdownsample\.1\.', 'shortcut.norm.'),
)
_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    'mmdet': (),
    'torchvision': (),
    'timm': _TIMM,
    'detectron2': _DETECTRON2,
}
# By part of a key: what it is a sign of, who lacks it under any name, and who
# has it.  timm's pre-activation networks have other layers.
_ABSENT = {
    'stem.': (
        "a deep 'stem'",
        ('torchvision', 'detectron2'),
        'timm or mmdet',
    ),
    'se_layer.': (
        "'se_layer' in its blocks",
        ('torchvision', 'detectron2'),
        'timm or mmdet',
    ),
    'final_norm.': (
        "pre-activation blocks and a 'final_norm'",
        ('torchvision', 'timm', 'detectron2'),
        'mmdet',
    ),
}


def rename(state: dict[str, torch.Tensor], target: str) -> dict:
    """The same tensors under a library's names.

    Args:
        state (dict): Bare keys of an MMPretrain ResNet.
        target (str): One of ``TARGETS``.

    Returns:
        dict: For 'detectron2' without the counters of BatchNorm, which its
        frozen layers lack; otherwise as many tensors as ``state`` has.

    Raises:
        UserError: An unknown target, or one without such a network.
    """
    if target not in _TABLES:
        raise UserError(
            f'{target}: no such target; choose one of {", ".join(TARGETS)}'
        )
    _check_exists(state, target)
    table = _TABLES[target]
    if target == 'timm' and _AVERAGED in state:
        table += _TIMM_SHORTCUT
    renamed = {}
    for key, value in state.items():
        if target == 'detectron2' and key.endswith('num_batches_tracked'):
            continue
        for pattern, replacement in table:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    return renamed


def _check_exists(state: dict, target: str) -> None:
    for part, (words, lacking, others) in _ABSENT.items():
        if target in lacking and any(part in key for key in state):
            raise UserError(
                f'{target} has no ResNet with {words}; choose --target '
                f'{others}'
            )
    # Its loader passes over what has another shape with no more than a log.
    if target == 'detectron2' and stem_of(state) == '3x3 stem':
        raise UserError(
            'detectron2 has no ResNet with the CIFAR stem; choose --target '
            'torchvision, timm or mmdet'
        )


def settings(record: BackboneRecord, target: str) -> list[str]:
    """What must be set in a library, or it computes another function.

    Args:
        record (BackboneRecord): The backbone record.
        target (str): One of ``TARGETS``.

    Returns:
        list[str]: One line each; for 'detectron2' Python that sets ``cfg``,
        whose defaults are BGR, no std and the stride of Caffe.
    """
    order = record.known_order.upper()
    if target == 'detectron2':
        values = {
            'INPUT.FORMAT': order,
            'MODEL.PIXEL_MEAN': record.mean,
            'MODEL.PIXEL_STD': record.std,
            **_detectron2_network(record.backbone),
        }
        return [f'cfg.{key} = {value!r}' for key, value in values.items()]
    mean, std = (
        tuple(float(f'{value / 255:.6g}') for value in values)
        for values in (record.mean, record.std)
    )
    lines = [f'images: {order}, values from 0 to 1', f'{mean=}', f'{std=}']
    if str(record.backbone.get('type')).endswith(CIFAR):
        lines.append('stem: conv1 is 3x3 with stride 1, no max-pool')
    return lines


def _detectron2_network(backbone: dict) -> dict:
    depth = backbone.get('depth')
    values = {
        'MODEL.RESNETS.DEPTH': depth,
        'MODEL.RESNETS.STRIDE_IN_1X1': backbone.get('style') == 'caffe',
    }
    if depth in (18, 34):  # Detectron2 insists on it, and defaults to 256
        values['MODEL.RESNETS.RES2_OUT_CHANNELS'] = 64
    if 'ResNeXt' in str(backbone.get('type')):
        values['MODEL.RESNETS.NUM_GROUPS'] = backbone.get('groups', 32)
        width = backbone.get('width_per_group', 4)
        values['MODEL.RESNETS.WIDTH_PER_GROUP'] = width
    elif 'expansion' in backbone:  # a wide one
        width = backbone.get('base_channels', 64)
        values['MODEL.RESNETS.WIDTH_PER_GROUP'] = width
    return values


def pack(
    state: dict[str, torch.Tensor], record: BackboneRecord, target: str
) -> dict:
    """The file's content in the layout that a library's loader expects.

    Args:
        state (dict): Bare keys of an MMPretrain ResNet.
        record (BackboneRecord): The backbone record.
        target (str): One of ``TARGETS``.

    Returns:
        dict: 'mmdet': ``state_dict`` and ``meta``; 'detectron2': ``model``
        and the mark that makes its loader match names by their endings;
        the others: the bare tensors, as ``load_state_dict`` takes them.
    """
    tensors = rename(state, target)
    if target == 'mmdet':
        return {'state_dict': tensors, 'meta': {RECORD_KEY: record.to_dict()}}
    if target == 'detectron2':
        return {
            'model': tensors,
            '__author__': 'cds_mm',
            'matching_heuristics': True,
            # Detectron2 passes over keys that it does not know.
            RECORD_KEY: record.to_dict(),
        }
    return tensors
