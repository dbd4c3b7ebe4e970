"""Which weights of a model come from which file."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from cds_mm.checkpoint.init_file import under_prefix
from cds_mm.checkpoint.own_loading import own_loading
from cds_mm.checkpoint.sketches import Sketch, sketches
from cds_mm.config import is_pretrained
from cds_mm.distributed import backbone_holder


class Loaded(NamedTuple):
    """A tensor of a model that was in a file.

    Attributes:
        sketch: what it was there.
        part: the part of the model that was loaded, with dots.
        source: the file.
        certain: nobody has a reason to replace it.
    """

    sketch: Sketch
    part: str
    source: str
    certain: bool


class Start(NamedTuple):
    """A part of a model that an ``init_cfg`` gives a file.

    Attributes:
        part: with dots; empty for the whole model.
        source: the file.
        prefix: of the keys in it.
        plain: it takes the tensors as they are there.
    """

    part: str
    source: str
    prefix: str | None
    plain: bool


def starts_of(model: nn.Module) -> list[Start]:
    """All parts that start from a file, the last one to be loaded last."""
    found = []
    # What a part loads comes after its own parts, in their place.
    for name, module in reversed([*model.named_modules()]):
        init = _init_of(module)
        if init:
            source, prefix = str(init['checkpoint']), init.get('prefix')
            plain = not _changes_what_it_loads(module)
            found.append(Start(name, source, prefix, plain))
    return found


def of_init_cfg(
    model: nn.Module,
    starts: Iterable[Start],
    files: Mapping[str, Mapping[str, Sketch] | None],
) -> dict[str, Loaded]:
    """What a model has from the files in its ``init_cfg``.

    Args:
        model: without a wrapper.
        starts: its parts that have one.
        files: sketches of their tensors, by their own keys.
    """
    live = tensors_of(model)
    found: dict[str, Loaded] = {}
    for one in starts:
        if one.plain:
            given = under_prefix(files.get(one.source) or {}, one.prefix)
        else:  # its weights are taken as they are
            module = model.get_submodule(one.part)
            given = sketches(dict(module.named_parameters()))
        start = f'{one.part}.' if one.part else ''
        places = {f'{start}{key}': kept for key, kept in given.items()}
        # The whole of a model may be made ready for other data.
        certain = bool(one.part)
        found |= {
            key: Loaded(kept, one.part, one.source, certain)
            for key, kept in _that_fit(places, live).items()
        }
    return found


def of_checkpoint(
    model: nn.Module, given: Mapping[str, Sketch], source: str
) -> dict[str, Loaded]:
    """What a model has from the checkpoint that it started from.

    Args:
        model: without a wrapper.
        given: sketches of its tensors.
        source: the file.
    """
    holder = backbone_holder(model)
    backbone = holder[0].backbone if holder else None
    names = (name for name, part in model.named_modules() if part is backbone)
    part = next(names, '')
    found = {}
    for key, one in _that_fit(given, tensors_of(model)).items():
        inside = bool(part) and key.startswith(f'{part}.')
        found[key] = Loaded(one, part if inside else '', source, inside)
    return found


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name."""
    return {**dict(model.named_buffers()), **dict(model.named_parameters())}


def _that_fit(given, live):
    return {
        key: one
        for key, one in given.items()
        if key in live and live[key].shape == one.shape
    }


def _init_of(module: nn.Module) -> dict[str, Any] | None:
    settings = getattr(module, 'init_cfg', None) or []
    inits = [settings] if isinstance(settings, dict) else settings
    named = [init for init in inits if isinstance(init, dict)]
    return next(filter(is_pretrained, named), None)


def _changes_what_it_loads(module: nn.Module) -> bool:
    return own_loading(module) or any(
        part._load_state_dict_pre_hooks for part in module.modules()
    )
