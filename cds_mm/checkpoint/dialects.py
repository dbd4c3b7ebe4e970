"""Other names for the layers of a torchvision-like ResNet."""

import re
from collections import Counter

import torch

# By this key a ResNet is found under any prefix.
_ANCHOR = 'layer1.0.conv1.weight'
# The same where the network was put into a Sequential without its head:
# numbers stand for conv1, bn1 and the stages.
_NUMBERED = re.compile(r'(?:^|(?<=\.))(\d+)\.0\.conv1\.weight$')
_STEM_AND_STAGES = ('conv1', 'bn1', 'layer1', 'layer2', 'layer3', 'layer4')
# SupContrast and many networks for CIFAR.
_SHORTCUT = re.compile(r'^(layer\d+\.\d+)\.shortcut\.')
# Detectron2's names, and the key by which they are found.
_DETECTRON2_ANCHOR = 'res2.0.conv1.weight'
_DETECTRON2 = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r'^stem\.', ''),
        *((rf'^res{n + 1}\.', f'layer{n}.') for n in range(1, 5)),
        (r'\bconv([123])\.norm\.', r'bn\1.'),
        (r'\bshortcut\.norm\.', 'downsample.1.'),
        (r'\bshortcut\.', 'downsample.0.'),
    )
)
# What is trained on top of a ResNet, by its first name.
_TOPS = re.compile(
    r'(linear|classifier|head|heads|mlp|projector|projection|projection_head'
    r'|projection_mlp|predictor|prediction_head|prediction_mlp|prototypes'
    r'|proj|pred|last_layer|contrastive_head|cls_head)(\.|$)'
)


def prefixes(state: dict[str, torch.Tensor]) -> list[str]:
    """Where ResNets are found in the names of a checkpoint.

    Args:
        state (dict[str, torch.Tensor]): Names to tensors.

    Returns:
        list[str]: '' for one at the start of the names.
    """
    found: dict[str, None] = {}
    for key in state:
        for anchor in (_ANCHOR, _DETECTRON2_ANCHOR):
            if key == anchor or key.endswith(f'.{anchor}'):
                found[key[: -len(anchor)]] = None
        if match := _NUMBERED.search(key):
            prefix = key[: match.start()]
            # Of a stage's blocks the numbers start at 0, too.
            if _numbers(state, prefix):
                found[prefix] = None
    return [*found]


def _numbers(state: dict, prefix: str) -> dict[str, str]:
    """The names for which numbers stand under a prefix; empty if not so."""
    heads: dict[int, bool] = {}
    for key in state:
        first, _, rest = key.removeprefix(prefix).partition('.')
        if key.startswith(prefix) and first.isdigit():
            blocks = bool(re.match(r'\d+\.conv1\.', rest))
            heads[int(first)] = heads.get(int(first), False) or blocks
    order = sorted(heads)
    wanted = [name.startswith('layer') for name in _STEM_AND_STAGES]
    found = [heads[number] for number in order[: len(wanted)]]
    if found != wanted:
        return {}
    return dict(zip(map(str, order), _STEM_AND_STAGES, strict=False))


def as_torchvision(
    state: dict[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], Counter[str]]:
    """A ResNet under torchvision's names, and what stood on top of it.

    Args:
        state (dict[str, torch.Tensor]): Bare keys of any network; one that
            is no ResNet comes back as it is.

    Returns:
        tuple: The renamed state, and the numbers of other tensors by the
        first part of their name.
    """
    if _DETECTRON2_ANCHOR in state:
        return _from_detectron2(state), Counter()
    names = {} if _ANCHOR in state else _numbers(state, '')
    renamed: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        first, _, rest = key.partition('.')
        name = f'{names[first]}.{rest}' if first in names else key
        renamed[_SHORTCUT.sub(r'\1.downsample.', name)] = value
    if _ANCHOR not in renamed or len(renamed) < len(state):
        return state, Counter()
    tops = [key for key in renamed if _TOPS.match(key)]
    kept = {k: v for k, v in renamed.items() if k not in tops}
    return kept, Counter(key.partition('.')[0] for key in tops)


def _from_detectron2(state: dict) -> dict[str, torch.Tensor]:
    renamed = {}
    for key, value in state.items():
        for pattern, name in _DETECTRON2:
            key = pattern.sub(name, key)
        renamed[key] = value
    return renamed
