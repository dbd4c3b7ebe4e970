"""Which weights of a file arrive in the backbone of a detector."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from cds_mm.checkpoint.backbone_types import outputs_of
from cds_mm.checkpoint.detector import build_model
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.fit import fit
from cds_mm.errors import UserError

# Arguments of MMDetection's backbones that add layers to the network:
# deformable offsets, context and attention blocks, switchable and
# standardised convolutions, the feedback of a recursive pyramid.
ADDERS = (
    'dcn stage_with_dcn plugins sac stage_with_sac rfp_inplanes conv_cfg'
).split()
_STAGE = re.compile(r'layer[2-9]')


class Arrival(NamedTuple):
    """How the weights of a file and a backbone go together.

    Attributes:
        kept: weights that have a place in the backbone.
        absent: last stages of the file that the backbone does not have.
        unused: keys of outputs that the training had and this does not give.
        new: keys of layers that the detector adds to the network.
        needed: how many keys the backbone has without those.
        missing: keys of the backbone that the file lacks.
        unexpected: keys of the file that the backbone lacks.
        reshaped: keys of both whose shapes differ.
    """

    kept: dict[str, torch.Tensor]
    absent: list[str]
    unused: list[str]
    new: list[str]
    needed: int
    missing: list[str]
    unexpected: list[str]
    reshaped: list[str]

    @property
    def whole(self) -> bool:
        """Whether each weight of the file has a place, and none is missing."""
        return not (self.missing or self.unexpected or self.reshaped)


def compare(
    side: DetectorSide,
    state: dict[str, torch.Tensor],
    backbone: Mapping | None = None,
) -> Arrival:
    """Compares the keys and shapes of a file with those of a backbone.

    Args:
        side (DetectorSide): The detector's side.
        state (dict[str, torch.Tensor]): Bare keys of the trained backbone.
        backbone (Mapping | None): How it was trained, if known.
    """
    wanted = side.backbone.state_dict()
    built = {name.split('.')[0] for name in wanted}
    absent = {
        part
        for part in {key.split('.')[0] for key in state} - built
        if _STAGE.fullmatch(part)
    }
    kept = {k: v for k, v in state.items() if k.split('.')[0] not in absent}
    found = fit(wanted, kept)
    unused: list[str] = []
    if found.unexpected and backbone:
        trained = trained_outputs(side, backbone)
        unused = [key for key in found.unexpected if key in trained]
        kept = {k: v for k, v in kept.items() if k not in unused}
    missing, new = found.missing, []
    if missing:
        plain = plain_keys(side)
        new = [key for key in missing if key not in plain]
        missing = [key for key in missing if key in plain]
    needed = len(found.needed) - len(new)
    return Arrival(
        kept,
        sorted(absent),
        unused,
        new,
        needed,
        missing,
        [key for key in found.unexpected if key not in unused],
        found.reshaped,
    )


def trained_outputs(side: DetectorSide, backbone: Mapping) -> set[str]:
    """Keys of a detector's backbone with the outputs of the training.

    Some networks have a normalisation layer, or a last stage, for those
    outputs alone that they give.

    Args:
        side (DetectorSide): The detector's side.
        backbone (Mapping): How the backbone was trained.

    Returns:
        set[str]: Empty where it cannot be built so.
    """
    outputs = outputs_of(backbone)
    if outputs is None:
        return set()
    config = {**side.config, 'out_indices': outputs}
    try:
        return set(build_model(config, side.name).state_dict())
    except UserError:
        return set()


def plain_keys(side: DetectorSide) -> set[str]:
    """Keys of the same backbone without the layers that a detector adds."""
    keys = set(side.backbone.state_dict())
    if not any(side.config.get(name) for name in ADDERS):
        return keys
    config = {k: v for k, v in side.config.items() if k not in ADDERS}
    try:
        return keys & set(build_model(config, side.name).state_dict())
    except UserError:  # it cannot do without
        return keys


def load(side: DetectorSide, found: Arrival) -> None:
    """Copies weights that fit into a backbone, as the host does."""
    side.backbone.load_state_dict(found.kept, strict=False)


def not_arrived(
    backbone: nn.Module, state: dict[str, torch.Tensor]
) -> list[str]:
    """Keys whose tensors in a backbone are not those of a file.

    Args:
        backbone (nn.Module): The one that is about to be trained.
        state (dict[str, torch.Tensor]): Weights that fit it.
    """
    live = backbone.state_dict()
    return [
        key
        for key, tensor in state.items()
        if key not in live
        or not torch.equal(
            live[key].detach().cpu(), tensor.cpu().to(live[key].dtype)
        )
    ]
