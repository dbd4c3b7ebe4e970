"""A part of a model beside the file that its ``init_cfg`` names."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from cds_mm.checkpoint.init_file import place_of, under_prefix
from cds_mm.checkpoint.sketches import Sketch
from cds_mm.config import backbone_key, key_of_start, start_line
from cds_mm.hooks.loaded_parts import Start

_SHOWN = 6


class PartAndFile(NamedTuple):
    """A part of a model, and what a file has for it.

    Attributes:
        start: the part and its file.
        key: of its ``init_cfg`` in the config.
        module: as it was built and initialised.
        wanted: those of its tensors that come from no later file.
        given: what the file has, by its own keys.
        arriving: what MMEngine takes of it, by the part's keys.
    """

    start: Start
    key: str
    module: nn.Module
    wanted: dict[str, Tensor]
    given: Mapping[str, Sketch]
    arriving: Mapping[str, Sketch]

    @property
    def name(self) -> str:
        """Its key in the config."""
        return self.key.rpartition('.')[0]

    def said(self, what: str) -> str:
        """A message about it."""
        return f'{self.start.source}: {self.key} starts from it, but {what}'


def part_and_file(
    model: nn.Module,
    start: Start,
    given: Mapping[str, Sketch] | None,
    started: Mapping[str, Sketch],
    cfg: Any,
) -> PartAndFile:
    """Put a part of a model beside its file.

    Args:
        model: without a wrapper.
        start: the part, and where its file is.
        given: tensors of the file, by their own keys.
        started: those of the checkpoint in ``load_from``.
        cfg: of the run.
    """
    module = model.get_submodule(start.part)
    inside = f'{start.part}.' if start.part else ''
    wanted = {
        name: tensor
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
        and not fits(started.get(inside + name), tensor)
    }
    given = given or {}
    arriving = under_prefix(given, start.prefix)
    key = key_of_start(cfg, start.part, start.source)
    return PartAndFile(start, key, module, wanted, given, arriving)


def fits(one: Sketch | None, tensor: Tensor) -> bool:
    """Whether a tensor of a file can be loaded into one of a model."""
    return one is not None and one.shape == tensor.shape


def in_words(
    part: PartAndFile, missing: list[str], reshaped: list[str]
) -> str:
    """What a file lacks, and what has another shape in it.

    Args:
        part: with the file.
        missing: names of tensors.
        reshaped: names of tensors.
    """
    said, total = [], len(part.wanted)
    if missing:
        prefix = part.start.prefix
        at = f' under prefix={prefix!r}' if prefix else ''
        said.append(
            f'{len(missing)} of {total} tensors of {part.name} are not in '
            f'it{at} ({shown(missing)})'
        )
    if reshaped:
        first = tuple(part.arriving[reshaped[0]].shape)
        said.append(
            f'{len(reshaped)} of {total} tensors of {part.name} have another '
            f'shape there ({shown(reshaped)}; the first is {first} there and '
            f'{tuple(part.wanted[reshaped[0]].shape)} in the model)'
        )
    return ' and '.join(said)


def shown(names: list[str]) -> str:
    """The first of some names."""
    more = f', ... {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more


def advice_for(part: PartAndFile, backbone: nn.Module | None, cfg: Any) -> str:
    """What would load the part, or what the file is good for.

    Args:
        part: with the file.
        backbone: of the model, if it has one.
        cfg: of the run.
    """
    source = part.start.source
    own = place_of(part.wanted, part.given)
    if own is not None and own != (part.start.prefix or ''):
        init = f'{part.name}.init_cfg'
        drop = f'{part.key}=None ' if part.key != init else ''
        if not own:
            return f'its keys are bare: set {init}.prefix=None'
        return f'set {drop}{start_line(cfg, init, source, own)}'
    if backbone is not None and part.module is not backbone:
        place = place_of(backbone.state_dict(), part.given)
        if place is not None:
            line = start_line(cfg, backbone_key(cfg), source, place or None)
            return (
                f'it has the tensors of a backbone: take {part.key} out and '
                f'set {line}'
            )
    return f'name a file that has this part, or take {part.key} out'
