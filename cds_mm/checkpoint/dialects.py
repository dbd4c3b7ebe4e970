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
        if key == _ANCHOR or key.endswith(f'.{_ANCHOR}'):
            found[key[: -len(_ANCHOR)]] = None
        elif match := _NUMBERED.search(key):
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
