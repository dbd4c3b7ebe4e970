"""Whether the files in the ``init_cfg`` of a model reach its parts."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from cds_mm.checkpoint.arrival import ADDERS
from cds_mm.checkpoint.init_file import MOST
from cds_mm.checkpoint.own_loading import own_loading, reads_its_file
from cds_mm.checkpoint.sketches import Sketch, sketches
from cds_mm.distributed import backbone_holder
from cds_mm.errors import UserError
from cds_mm.hooks.loaded_parts import Start
from cds_mm.hooks.part_and_file import (
    PartAndFile,
    advice_for,
    fits,
    in_words,
    part_and_file,
    shown,
)
from cds_mm.run_warnings import warn

# A class may set the last layers of its heads itself, on purpose.
_ON_PURPOSE = 0.1


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
    backbone = _backbone_of(model)
    for start in starts:
        part = part_and_file(
            model, start, files.get(start.source), started, cfg
        )
        if not part.wanted:
            continue
        if files.get(start.source) is None:
            _warn_unread(part)
            continue
        _check_part(part, backbone, cfg)


def check_prefixes(
    model: nn.Module,
    starts: Iterable[Start],
    given: Mapping[str, Sketch],
    cfg: Any,
) -> None:
    """See that a file has keys under the prefixes that parts ask for.

    MMEngine asserts it when it has read the file.

    Args:
        model: without a wrapper.
        starts: its parts that start from the file.
        given: the tensors of the file, by their own keys.
        cfg: of the run.

    Raises:
        UserError: there are none; with the prefix that would work.
    """
    for start in starts:
        part = part_and_file(model, start, given, {}, cfg)
        if (
            start.prefix
            and not part.arriving
            and not reads_its_file(part.module)
        ):
            what = part.said(in_words(part, [*part.wanted], []))
            advice = advice_for(part, _backbone_of(model), cfg)
            raise UserError(f'{what}; {advice}')


def _backbone_of(model: nn.Module) -> nn.Module | None:
    holder = backbone_holder(model)
    return holder[0].backbone if holder else None


def _warn_unread(part: PartAndFile) -> None:
    if not getattr(part.module, 'is_init', True):
        warn(
            f'{part.start.source}: {part.key} names it, but nothing has '
            'loaded it: the class around that part does not initialise it'
        )


def _check_part(part: PartAndFile, backbone: nn.Module | None, cfg) -> None:
    reads = reads_its_file(part.module)
    if own_loading(part.module) or part.module._load_state_dict_pre_hooks:
        if _nothing_is_there(part):
            what = f'none of its tensors is in {part.name}'
            raise UserError(
                f'{part.said(what)}; {advice_for(part, backbone, cfg)}'
            )
        if part.module is backbone and reads:  # it may rename and reshape
            return
        _check_still_there(part)
    hooked = _hooked(part.module)
    judged = [name for name in part.wanted if not name.startswith(hooked)]
    missing = [name for name in judged if name not in part.arriving]
    reshaped = [
        name
        for name in judged
        if name in part.arriving
        and not fits(part.arriving[name], part.wanted[name])
    ]
    lost = missing + reshaped
    few = len(judged) - len(lost) < MOST * len(judged)
    inner = isinstance(getattr(part.module, 'backbone', None), nn.Module)
    adds = _adds_layers(f'{part.name}.backbone' if inner else part.name, cfg)
    if part.module is backbone:  # engine/hand_over.py looks at the rest
        refused = len(lost) == len(judged)
    elif inner:
        of_backbone = any(name.startswith('backbone.') for name in lost)
        refused = few or (of_backbone and not adds)
    else:  # a tracker has its detector deeper
        refused = few or (bool(missing and part.start.part) and not adds)
    known = part.module is backbone or (adds and not inner)
    if not lost or (known and not refused):
        return
    what = part.said(in_words(part, missing, reshaped))
    if refused and not reads:
        raise UserError(f'{what}; {advice_for(part, backbone, cfg)}')
    warn(f'{what}: they start from random values')


def _hooked(module: nn.Module) -> tuple[str, ...]:
    """Beginnings of the names of parts that change what they load."""
    return tuple(
        f'{name}.' if name else ''
        for name, inner in module.named_modules()
        if inner._load_state_dict_pre_hooks
    )


def _nothing_is_there(part: PartAndFile) -> bool:
    """Whether no kernel of a file is in a part, under whatever name."""
    live = sketches(dict(part.module.named_parameters()))
    there = {one.checksum for one in live.values() if len(one.shape) > 1}
    return len(part.wanted) == len(live) and not any(
        one.checksum in there
        for one in part.given.values()
        if len(one.shape) > 1
    )


def _check_still_there(part: PartAndFile) -> None:
    """See that a class with its own ``init_weights`` keeps what is loaded.

    Detectors of the DETR family initialise their transformer after that.
    """
    loaded = [
        name
        for name, tensor in part.wanted.items()
        if fits(part.arriving.get(name), tensor)
    ]
    turned = [
        name
        for name in loaded
        if not part.arriving[name].is_of(part.wanted[name])
    ]
    if not turned:
        return
    what = part.said(
        f'{type(part.module).__name__} initialises {len(turned)} of the '
        f'{len(loaded)} tensors again that were loaded ({shown(turned)})'
    )
    if len(turned) <= _ON_PURPOSE * len(loaded):
        warn(what)
        return
    if part.start.part or part.start.prefix:
        raise UserError(
            f'{what}; name a file of the whole model in load_from instead'
        )
    source = shlex.quote(part.start.source)
    raise UserError(f'{what}; set {part.key}=None load_from={source}')


def _adds_layers(key: str, cfg: Any) -> bool:
    """Whether a backbone has layers that its pretrained file cannot have.

    Args:
        key: of the backbone in the config.
        cfg: of the run.
    """
    settings = cfg
    for name in key.split('.'):
        settings = settings.get(name) if hasattr(settings, 'get') else None
    if not isinstance(settings, dict):
        return False
    return any(settings.get(name) for name in ADDERS)
