"""Proves that a library computes what was trained."""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from cds_mm.checkpoint.comparison import FEATURE_TOLERANCE
from cds_mm.checkpoint.exports.plan import ELSEWHERE, Plan, State
from cds_mm.checkpoint.fit import fit
from cds_mm.checkpoint.mismatch import relative
from cds_mm.checkpoint.probe_image import (
    normalised_image,
    probe_sizes,
    sized_features,
    stage_features,
)
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.errors import UserError, first_line
from cds_mm.modes import evaluation_mode

# Where a pool rounds up, or a convolution pads one side, an odd size shows.
_ODD = (113, 95)
_INSTALL = {
    'timm': "pip install 'cds_mm[export]'",
    'detectron2': 'install Detectron2 (detectron2.readthedocs.io)',
}


@dataclass
class ExportProof:
    """How a file was proven, or why not.

    Attributes:
        where: the network of the library, or how to prove it.
        difference: largest one of a stage, relative to its largest value;
            none where nothing was compared.
        what: was compared, in words.
    """

    where: str
    difference: float | None
    what: str = ''

    def line(self) -> str:
        """It in words."""
        if self.difference is None:
            return f'NOT proven: {self.where}'
        return (
            f'proven in {self.where}: {self.what}, largest difference of a '
            f'stage {self.difference:.1e}'
        )


def exported_state(
    source: nn.Module, plan: Plan, record: BackboneRecord
) -> tuple[State, ExportProof]:
    """The weights under a library's names, proven where it is installed.

    Args:
        source: the trained backbone.
        plan: of the library.
        record: of the backbone.

    Raises:
        UserError: the library's network does not take them, or computes
            something else.
    """
    trained = source.state_dict()
    if importlib.util.find_spec(plan.target) is None:
        state = plan.names(trained, None)
        how = (
            f'{plan.target} is not installed here; {_INSTALL[plan.target]} '
            'and run the same command again'
        )
        return state, ExportProof(how, None)
    network = _built(plan)
    state = plan.names(trained, network)
    _load(network, state, plan)
    gap = difference(source, network, plan, record)
    what = f'{len(state)} tensors load strictly'
    return state, ExportProof(plan.network, gap, what)


def _built(plan: Plan) -> nn.Module:
    try:
        with torch.random.fork_rng(devices=[]):
            network = plan.build()
    # Its arguments come from a record, and an older library lacks some.
    except Exception as error:
        raise UserError(
            f'--target {plan.target}: {plan.network} cannot be built '
            f'({first_line(error)[:120]}); {ELSEWHERE}'
        ) from error
    return network.eval()


def _load(network: nn.Module, state: State, plan: Plan) -> None:
    found = fit(network.state_dict(), state)
    faults = {
        'lacks': found.missing,
        'has no place for': found.unexpected,
        'has another shape of': found.reshaped,
    }
    for words, keys in faults.items():
        if keys:
            who = 'the trained one' if words == 'lacks' else 'it'
            raise UserError(
                f'--target {plan.target}: {plan.network} is another network: '
                f'{who} {words} {len(keys)} tensors, the first is '
                f'{min(keys)}; {ELSEWHERE}'
            )
    network.load_state_dict(state, strict=True)


def difference(
    source: nn.Module, network: nn.Module, plan: Plan, record: BackboneRecord
) -> float:
    """The largest one of a stage, at two sizes.

    Args:
        source: the trained backbone.
        network: of the library, with the same weights.
        plan: that says which stages are equal.
        record: of the backbone.

    Raises:
        UserError: one is above the tolerance, or no stage can be compared.
    """
    worst, compared = 0.0, 0
    for inputs in _images(source, plan, record):
        ours = _maps(source, [one for one, _ in plan.stages], inputs)
        theirs = _maps(network, [one for _, one in plan.stages], inputs)
        for pair in plan.stages:
            if pair[0] in ours and pair[1] in theirs:
                gap = relative(ours[pair[0]], theirs[pair[1]])
                worst = max(worst, gap)
                compared += 1
                _refuse_difference(gap, pair, plan)
    if not compared:
        raise UserError(
            f'--target {plan.target}: no stage of {plan.network} could be '
            f'compared; {ELSEWHERE}'
        )
    return worst


def _images(
    source: nn.Module, plan: Plan, record: BackboneRecord
) -> Iterator[torch.Tensor]:
    """Of two sizes; of one where the backbone takes no other.

    Raises:
        UserError: it takes no image.
    """
    try:
        size, _ = sized_features(source, record, probe_sizes(record))
    except Exception as error:  # code of anyone
        kind = record.backbone['type']
        raise UserError(
            f'--target {plan.target}: {kind}: it takes no probe image '
            f'({first_line(error)[:120]}); choose --target mmdet'
        ) from error
    yield normalised_image(record, size)
    height, width = _ODD
    odd = normalised_image(record)[..., :height, :width]
    try:
        stage_features(source, odd)
    except Exception:  # whole patches only, or images of one size
        return
    yield odd


def _refuse_difference(gap: float, pair: tuple[str, str], plan: Plan) -> None:
    # Not `>`: a difference may be no number.
    if not gap <= FEATURE_TOLERANCE:
        raise UserError(
            f'--target {plan.target}: {plan.network} takes the weights and '
            f'computes something else ({pair[1]} differs by {gap:.1e} from '
            f'the trained {pair[0]}); {ELSEWHERE}'
        )


def _maps(
    network: nn.Module, names: Iterable[str], inputs: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What modules give out, by name; those that a network lacks are not."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    modules = dict(network.named_modules())
    for name in names:
        if name in modules:

            def keep(_module, _inputs, output, name=name):
                found[name] = output.detach().clone()

            handles.append(modules[name].register_forward_hook(keep))
    try:
        with torch.no_grad(), evaluation_mode(network):
            network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
