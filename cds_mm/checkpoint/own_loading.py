"""Classes that read their pretrained file in a way of their own."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import ConfigDict
from torch import Tensor, nn

from cds_mm.checkpoint.arrival import Arrival, load, not_arrived
from cds_mm.checkpoint.backbone_types import MMPRETRAIN, backbone_type
from cds_mm.checkpoint.detector import build_model
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.errors import UserError, first_line

_OF_FILES = re.compile('load|checkpoint', re.IGNORECASE)


def own_loading(backbone: nn.Module) -> bool:
    """Whether a class reads its pretrained file in a way of its own.

    Swin and PVT of MMDetection rename the keys of other libraries.
    """
    owners = (k for k in type(backbone).__mro__ if 'init_weights' in vars(k))
    owner = next(owners, None)
    plain = ('BaseModule', 'DetectoRS_ResNet')
    return owner is not None and owner.__name__ not in plain


def reads_its_file(part: nn.Module) -> bool:
    """Whether a class opens its pretrained file itself.

    By the names in the code of its ``init_weights``; others leave that to
    MMEngine, and initialise something besides.
    """
    for kind in type(part).__mro__:
        function = vars(kind).get('init_weights')
        if kind.__name__ == 'BaseModule' or function is None:
            continue
        code = getattr(function, '__code__', None)
        if code is None or any(map(_OF_FILES.search, code.co_names)):
            return True
    return False


def changes_what_it_loads(part: nn.Module) -> bool:
    """Whether tensors may arrive under other names or in other shapes."""
    return reads_its_file(part) or any(
        inner._load_state_dict_pre_hooks
        or not type(inner)._load_from_state_dict.__module__.startswith('torch')
        for inner in part.modules()
    )


def load_as_a_run(side: DetectorSide, found: Arrival) -> None:
    """Copies weights that fit into a backbone, as its run will get them.

    Args:
        side (DetectorSide): The detector.
        found (Arrival): How the file goes with it.

    Raises:
        UserError: As of :func:`check_loads`.
    """
    check_loads(side, found.kept)
    load(side, found)


def check_loads(side: DetectorSide, state: Mapping[str, Tensor]) -> None:
    """Sees that such a class takes all tensors of a converted file.

    It is built once more and loads a file with these tensors, as a run does.

    Args:
        side (DetectorSide): The detector.
        state (Mapping[str, torch.Tensor]): Weights that fit its backbone.

    Raises:
        UserError: It does not, with what to set.
    """
    if not own_loading(side.backbone) or not side.config.get('type'):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'converted.pth'
        torch.save({'state_dict': dict(state)}, path)
        lost, cause = _not_taken(side.config, path, state, side.name)
        if not lost:
            return
        fix = _what_takes_it(side, path, state)
    kind = type(side.backbone).__name__
    raise UserError(
        f'backbone: the {kind} of {side.name} reads the file of its init_cfg '
        f'in a way of its own, and {len(lost)} of the {len(state)} tensors of '
        f'a converted file do not reach it, the first is {lost[0]}'
        f'{cause}; {fix}'
    )


def _not_taken(
    config: dict, path: Path, state: Mapping[str, Tensor], name: str
) -> tuple[list[str], str]:
    """Keys that do not arrive, and the error that kept them, if one did."""
    start = ConfigDict(type='Pretrained', checkpoint=str(path))
    try:
        network: Any = build_model({**config, 'init_cfg': start}, name)
        with torch.random.fork_rng(devices=[]):
            network.init_weights()
    except Exception as error:  # code of anyone
        kind = '' if isinstance(error, UserError) else type(error).__name__
        cause = f'{kind} {first_line(error)[:160]}'.strip()
        return [*state], f' ({cause})'
    return not_arrived(network, dict(state)), ''


def _what_takes_it(
    side: DetectorSide, path: Path, state: Mapping[str, Tensor]
) -> str:
    # Of MMDetection's Swin and PVT: for the files of their own papers.
    if side.config.get('convert_weights', True):
        config = {**side.config, 'convert_weights': False}
        if not _not_taken(config, path, state, side.name)[0]:
            return 'set model.backbone.convert_weights=False there'
    name = f'{MMPRETRAIN}.{type(side.backbone).__name__}'
    if backbone_type(name):
        return (
            f"set model.backbone.type='{name}' and its arguments as in "
            'pretraining there'
        )
    return 'name another class of the network in model.backbone.type'
