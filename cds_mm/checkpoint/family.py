"""Recognises a torchvision-like ResNet by the shapes of its weights."""

import re
from typing import Any

import torch

from cds_mm.errors import UserError

IMAGENET_MEAN = [123.675, 116.28, 103.53]
IMAGENET_STD = [58.395, 57.12, 57.375]
# Ends the type of a backbone with the 3x3 stem.
CIFAR = '_CIFAR'
_DEPTHS: dict[tuple[str, tuple[int, ...]], int] = {
    ('basic', (2, 2, 2, 2)): 18,
    ('basic', (3, 4, 6, 3)): 34,
    ('bottleneck', (3, 4, 6, 3)): 50,
    ('bottleneck', (3, 4, 23, 3)): 101,
    ('bottleneck', (3, 8, 36, 3)): 152,
}
_BLOCK = re.compile(r'layer([1-4])\.(\d+)\.conv1\.weight')
# All that torchvision's networks consist of.
_LAYERS = re.compile(
    r'(layer[1-4]\.\d+\.)?(conv[123]|bn[123])\.\w+'
    r'|layer[1-4]\.0\.downsample\.[01]\.\w+'
)


def backbone_from_shapes(state: dict[str, torch.Tensor], path) -> dict:
    """The MMPretrain config of a ResNet, ResNeXt or wide ResNet.

    Shapes cannot tell where a bottleneck strides; torchvision's do so in
    the 3x3 convolution ('pytorch' style), which is what comes back.  Other
    ResNets (squeeze-and-excitation, pre-activation) are not guessed: the
    same names stand for different functions in different libraries.

    Args:
        state (dict): Bare torchvision keys.
        path: The file, for messages.

    Returns:
        dict: ``type`` and arguments.

    Raises:
        UserError: Not of that family.
    """
    depth = depth_from_keys(state)
    others = [key for key in state if not _LAYERS.fullmatch(key)]
    if depth is None or others or 'conv1.weight' not in state:
        raise UserError(
            f'{path}: no ResNet of torchvision is recognised in its keys '
            f'(one is {next(iter(others or state))!r}); name the training '
            'config with --config'
        )
    cfg: dict[str, Any] = {
        'type': 'ResNet',
        'depth': depth,
        'style': 'pytorch',
    }
    width = state['layer1.0.conv1.weight'].shape[0]
    groups = width // state['layer1.0.conv2.weight'].shape[1]
    if depth >= 50 and groups > 1:
        cfg['type'] = 'ResNeXt'
        cfg |= {'groups': groups, 'width_per_group': width // groups}
    elif depth >= 50 and width != 64:
        out = state['layer1.0.conv3.weight'].shape[0]
        cfg |= {'base_channels': width, 'expansion': out // width}
    if state['conv1.weight'].shape[-1] == 3:
        cfg['type'] += CIFAR
    return cfg


def depth_from_keys(state: dict[str, torch.Tensor]) -> int | None:
    """The depth of a ResNet by its blocks; none if it is no such depth."""
    blocks: dict[int, set] = {1: set(), 2: set(), 3: set(), 4: set()}
    for key in state:
        if match := _BLOCK.fullmatch(key):
            blocks[int(match[1])].add(int(match[2]))
    kind = 'basic'
    if any(key.endswith('.conv3.weight') for key in state):
        kind = 'bottleneck'
    counts = tuple(max(found, default=-1) + 1 for found in blocks.values())
    return _DEPTHS.get((kind, counts))


def stem_of(state: dict[str, torch.Tensor]) -> str | None:
    """The stem in words, such as '7x7 stem'; none where its keys lack."""
    if any(key.startswith('stem.') for key in state):
        return 'deep stem'
    weight = state.get('conv1.weight')
    return None if weight is None else '{}x{} stem'.format(*weight.shape[-2:])
