"""Whether the files in the ``init_cfg`` of a model reach its parts."""

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from torch import Size, nn

from cds_mm.checkpoint.arrival import ADDERS
from cds_mm.checkpoint.detector import backbone_settings
from cds_mm.checkpoint.init_file import MOST, place_of, under_prefix
from cds_mm.checkpoint.sketches import Sketch, sketches
from cds_mm.config import backbone_key, key_of_start, start_line
from cds_mm.distributed import backbone_holder
from cds_mm.errors import UserError
from cds_mm.hooks.loaded_parts import Start
from cds_mm.run_warnings import warn


class _Part(NamedTuple):
    """A part of a model, and what a file has for it.

    Attributes:
        start: the part and its file.
        key: of its ``init_cfg`` in the config.
        module: as it was built.
        wanted: shapes of its tensors.
        given: what the file has, by its own keys; None if nothing read it.
    """

    start: Start
    key: str
    module: nn.Module
    wanted: dict[str, Size]
    given: Mapping[str, Sketch] | None

    @property
    def arriving(self) -> dict[str, Sketch]:
        """What MMEngine takes of the file."""
        return under_prefix(self.given or {}, self.start.prefix)


def check_arrived(
    model: nn.Module,
    starts: list[Start],
    files: Mapping[str, Mapping[str, Sketch] | None],
    started: Mapping[str, Sketch],
    cfg: Any,
) -> None:
    """See that each file has the tensors of the part that names it.

    MMEngine loads what fits and logs the rest, among hundreds of lines.

    Args:
        model: without a wrapper, initialised.
        starts: its parts that start from a file.
        files: tensors of the files, by their own keys; None where no part
            has read one.
        started: those of the checkpoint in ``load_from``, which come later.
        cfg: of the run.

    Raises:
        UserError: nothing or too little of a part is in its file; with what
            would work.
    """
    for start in starts:
        module = model.get_submodule(start.part)
        wanted = {
            name: tensor.shape
            for name, tensor in module.state_dict().items()
            if tensor.is_floating_point()
        }
        inside = f'{start.part}.' if start.part else ''
        later = {
            name
            for name, shape in wanted.items()
            if (one := started.get(inside + name)) and one.shape == shape
        }
        key = key_of_start(cfg, start.part, start.source)
        part = _Part(start, key, module, wanted, files.get(start.source))
        if part.given is None:
            if len(later) < len(wanted):
                _warn_unread(part)
        elif wanted and len(later) < len(wanted):
            _check_part(part, later, model, cfg)


def _warn_unread(part: _Part) -> None:
    if not getattr(part.module, 'is_init', True):
        warn(
            f'{part.start.source}: {part.key} names it, but nothing has '
            'loaded it: the class around that part does not initialise it'
        )


def _check_part(part: _Part, later: Container[str], model, cfg) -> None:
    arriving = part.arriving
    lost = [name for name in part.wanted if name not in later]
    missing = [name for name in lost if name not in arriving]
    reshaped = [
        name
        for name in lost
        if name in arriving and arriving[name].shape != part.wanted[name]
    ]
    lost = missing + reshaped
    if not lost:
        return
    few = len(part.wanted) - len(lost) < MOST * len(part.wanted)
    holder = backbone_holder(model)
    backbone = holder[0].backbone if holder else None
    if not part.start.plain:  # it may rename what it reads
        refused = few and not later and _nothing_is_there(part)
    elif part.module is backbone:  # engine/hand_over.py looks at the rest
        refused = len(lost) == len(part.wanted)
    elif isinstance(getattr(part.module, 'backbone', None), nn.Module):
        refused = few or _lacks_backbone(lost, cfg)
    else:
        refused = few or bool(missing)
    if refused:
        raise UserError(
            f'{part.start.source}: {part.key} starts from it, but '
            f'{_in_words(part, missing, reshaped)}; '
            + _advice(part, backbone, cfg)
        )
    if part.start.plain and part.module is not backbone:
        warn(
            f'{part.start.source}: {part.key} starts from it, but '
            f'{_in_words(part, missing, reshaped)}: they start from random '
            'values'
        )


def _nothing_is_there(part: _Part) -> bool:
    """Whether no kernel of a file is in a part, under whatever name."""
    live = sketches(dict(part.module.named_parameters()))
    there = {one.checksum for one in live.values() if len(one.shape) > 1}
    return not any(
        one.checksum in there
        for one in (part.given or {}).values()
        if len(one.shape) > 1
    )


def _lacks_backbone(lost: list[str], cfg) -> bool:
    """Whether a whole detector would have a part of a backbone only."""
    known = isinstance(cfg.get('model'), dict)
    settings = backbone_settings(cfg) if known else {}
    adds = any(settings.get(name) for name in ADDERS)
    return not adds and any(name.startswith('backbone.') for name in lost)


def _in_words(part: _Part, missing: list[str], reshaped: list[str]) -> str:
    said = []
    total = len(part.wanted)
    at = f' under prefix={part.start.prefix!r}' if part.start.prefix else ''
    if missing:
        said.append(
            f'{len(missing)} of {total} tensors of {_name(part)} are not in '
            f'it{at} ({_named(missing)})'
        )
    if reshaped:
        name = reshaped[0]
        theirs = tuple(part.arriving[name].shape)
        said.append(
            f'{len(reshaped)} of {total} have another shape ({name} is '
            f'{theirs} there and {tuple(part.wanted[name])} in the model'
            + (f', as well {_named(reshaped[1:])})' if reshaped[1:] else ')')
        )
    return ' and '.join(said)


def _named(names: list[str]) -> str:
    more = f', ... {len(names) - 6} more' if len(names) > 6 else ''
    return ', '.join(names[:6]) + more


def _name(part: _Part) -> str:
    return part.key.rpartition('.')[0]


def _advice(part: _Part, backbone: nn.Module | None, cfg) -> str:
    """What would load the part, or what the file is good for."""
    given, source = part.given or {}, part.start.source
    own = place_of(part.wanted, given)
    if own is not None and own != (part.start.prefix or ''):
        init = part.key.rpartition('.')[0] + '.init_cfg'
        drop = f'{part.key}=None ' if part.key != init else ''
        if not own:
            return f'its keys are bare: set {init}.prefix=None'
        return f'set {drop}{start_line(cfg, init, source, own)}'
    if backbone is not None and part.module is not backbone:
        place = place_of(backbone.state_dict(), given)
        if place is not None:
            line = start_line(cfg, backbone_key(cfg), source, place or None)
            return (
                'it has the tensors of the backbone: take '
                f'{part.key} out and set {line}'
            )
    return f'name a file that has this part, or take {part.key} out'
