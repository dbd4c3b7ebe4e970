"""What was compared when a detector was tried, and how it is shown."""

import re
from dataclasses import dataclass, field

import torch

_LAYER = re.compile(r'layer(\d+)$')
# A network whose stages have no such names.
_WHOLE = 'network'


@dataclass
class Proof:
    """What was compared: rows of (part, tensors, parameters, difference).

    The difference is none where nothing was compared: the stem, whose
    effect shows in stage 1, and stages that the detector does not give out.

    Attributes:
        detector: name of its config.
        rows: one for each part of the network.
        notes: what a reader has to know besides.
        doubts: those of them that a training has to warn of.
        of_features: whether features were compared; else the weights were.
        order_known: whether the channel order is a part of the proof.
    """

    detector: str
    rows: list[tuple[str, int, int, float | None]]
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    of_features: bool = True
    order_known: bool = True

    @property
    def limits(self) -> str:
        """What the proof leaves open, in words; empty where nothing."""
        limits = []
        if not self.of_features:
            limits.append('its weights, not what it computes')
        if not self.order_known:
            limits.append('not the channel order')
        return ', '.join(limits)

    def table(self) -> str:
        """The rows as text, one line each."""
        lines = [
            f'{"part":<8}{"tensors":>9}{"parameters":>13}{"difference":>13}'
        ]
        for part, tensors, parameters, gap in self.rows:
            shown = self._shown(part) if gap is None else f'{gap:.1e}'
            counts = f'{tensors:>9}{parameters:>13,}' if tensors else ' ' * 22
            lines.append(f'{part:<8}{counts}{shown:>13}')
        notes = [f'note: {note}' for note in self.notes]
        return '\n'.join(lines + notes)

    def _shown(self, part: str) -> str:
        if not self.of_features:
            return 'equal'
        if part == _WHOLE:
            return 'see below'
        return 'see layer1' if part == 'stem' else 'no output'


def rows_of(
    state: dict[str, torch.Tensor], gaps: dict[int, float]
) -> list[tuple[str, int, int, float | None]]:
    """The rows of a proof.

    A network whose stages are parts of it by name (``layer1`` and so on) has
    a row for each.  Of others the weights are in one row, and each stage that
    was compared has one of its own, without weights.

    Args:
        state (dict[str, torch.Tensor]): Weights that have arrived.
        gaps (dict[int, float]): Difference by stage, from 0.
    """
    parts: dict[str, list] = {}
    for key, value in state.items():
        parts.setdefault(key.split('.')[0], []).append((key, value))
    places = {part: int(m[1]) for part in parts if (m := _LAYER.match(part))}
    if len(places) == 1:  # HRNet's has a layer1, from which all outputs come
        places = {}
    grouped: dict[str, list] = {}
    for part, members in parts.items():
        if part not in places:
            # Of a pre-activation network, behind its last stage.
            part = 'final' if part == 'final_norm' else _rest(places)
        grouped.setdefault(part, []).extend(members)
    first = min(places.values(), default=0)  # of MobileNetV3 it is layer0
    stages = {part: place - first for part, place in places.items()}
    rows: list[tuple[str, int, int, float | None]] = []
    for part, members in grouped.items():
        # Running statistics are tensors to load, but nothing is learned.
        learned = sum(
            value.numel()
            for key, value in members
            if not key.endswith(('_mean', '_var', '_tracked'))
        )
        gap = gaps.get(stages[part]) if part in stages else None
        rows.append((part, len(members), learned, gap))
    others = sorted(gaps.keys() - stages.values())
    return rows + [(f'stage{n + 1}', 0, 0, gaps[n]) for n in others]


def _rest(places: dict) -> str:
    return 'stem' if places else _WHOLE
