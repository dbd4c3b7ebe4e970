"""Which parts of a model a config starts from a file, and under which key."""

import shlex
from collections.abc import Iterator
from difflib import SequenceMatcher, get_close_matches
from typing import Any, NamedTuple

from mmengine.config import Config

from cds_mm.config.questions import is_pretrained, type_name
from cds_mm.errors import UserError

_TAKES = ('type', 'checkpoint', 'prefix', 'map_location')
# In a shell's double quotes these have a meaning.
_OF_THE_SHELL = '"$`\\!'


class NamedStart(NamedTuple):
    """A file that a config names for a part of the model.

    Attributes:
        key: dotted, of the ``init_cfg`` or ``pretrained``.
        checkpoint: the path or URL.
        prefix: of the keys in it.
    """

    key: str
    checkpoint: str
    prefix: str | None


def named_starts(cfg: Config | dict) -> list[NamedStart]:
    """All files that the model of a config names, at any depth.

    Args:
        cfg: a full config.
    """
    found = []
    for key, value in _settings(_model(cfg), 'model'):
        if key.endswith('.pretrained'):
            if isinstance(value, str):
                found.append(NamedStart(key, value, None))
            continue
        init = next(filter(is_pretrained, _listed(value)), None)
        if init:
            found.append(
                NamedStart(key, str(init['checkpoint']), init.get('prefix'))
            )
    return found


def key_of_start(cfg: Config | dict, part: str, checkpoint: str) -> str:
    """The key under which a config names the file of a built part.

    Args:
        cfg: a full config.
        part: of the built model, with dots; empty for all of it.
        checkpoint: the file.
    """
    starts = named_starts(cfg)
    keys = [one.key for one in starts if one.checkpoint == checkpoint]
    return _likeliest(keys, part)


def key_of_part(cfg: Config | dict, part: str, init: object) -> str:
    """The key under which a config has the ``init_cfg`` of a built part.

    Args:
        cfg: a full config.
        part: of the built model, with dots; empty for all of it.
        init: its ``init_cfg``.
    """
    found = _settings(_model(cfg), 'model')
    return _likeliest([key for key, value in found if value == init], part)


def _likeliest(keys: list[str], part: str) -> str:
    """The key that is most like the name of a built part.

    A head that is built several times of one dict, or a student of
    ``model.detector``, has another name.
    """
    likely = '.'.join(filter(None, ('model', part)))

    def likeness(key: str) -> float:
        return SequenceMatcher(None, key.rpartition('.')[0], likely).ratio()

    return max(keys, key=likeness, default=f'{likely}.init_cfg')


def start_line(
    cfg: Config | dict, key: str, checkpoint: str, prefix: str | None = None
) -> str:
    """The option that lets a part start from a file, ready to paste.

    Args:
        cfg: into which it is merged: what stands there already goes away.
        key: of the part's ``init_cfg``.
        checkpoint: a path or URL.
        prefix: of the keys in it.
    """
    items: dict[str, Any] = dict(type='Pretrained', checkpoint=checkpoint)
    if prefix:
        items['prefix'] = prefix
    there = dict(_settings(_model(cfg), 'model')).get(key)
    if isinstance(there, dict) and {*there} - {*items}:
        items = dict(_delete_=True) | items
    inside = ','.join(f'{name}={value!r}' for name, value in items.items())
    if any(sign in inside for sign in _OF_THE_SHELL):
        return shlex.quote(f'{key}=dict({inside})')
    return f'{key}="dict({inside})"'


def instead_of(
    cfg: Config | dict, key: str, path: str, prefix: str | None = None
) -> str:
    """The options that name a file for the backbone, and not elsewhere.

    Args:
        cfg: of the run.
        key: where the file is named now.
        path: the file.
        prefix: of the backbone's keys in it.
    """
    return f'{key}=None {start_line(cfg, backbone_key(cfg), path, prefix)}'


def backbone_key(cfg: Config | dict) -> str:
    """The key of the ``init_cfg`` of a model's backbone.

    Args:
        cfg: a full config; wrappers have a detector one level deeper.
    """
    inner = isinstance(_model(cfg).get('detector'), dict)
    return f'model{".detector" if inner else ""}.backbone.init_cfg'


def check_init_settings(cfg: Config) -> None:
    """See that each ``init_cfg`` of a model is written as MMEngine takes it.

    Raises:
        UserError: one is a path, or has a file under another key; with what
            is meant.
    """
    for key, value in _settings(_model(cfg), 'model'):
        if key.endswith('.pretrained') or value is None:
            continue
        if isinstance(value, str):
            raise UserError(
                f'{key}={value!r}: is a text, and has to be a dict; set '
                + start_line(cfg, key, value)
            )
        if not isinstance(value, dict | list | tuple):
            raise UserError(
                f'{key}={value!r:.60}: has to be a dict with a type, or None'
            )
        for init in value if isinstance(value, list | tuple) else [value]:
            _check_init(cfg, key, init)


def type_advice(cfg: Config | dict, key: str, init: dict) -> str:
    """What to set for an ``init_cfg`` without a type.

    Args:
        cfg: a full config.
        key: of the ``init_cfg``.
        init: what stands there.
    """
    like = get_close_matches('checkpoint', map(str, init), 1, 0.6)
    if like and isinstance(init[like[0]], str):
        line = start_line(cfg, key, init[like[0]], init.get('prefix'))
        return f'set {line}'
    return (
        "add one, e.g. type='Pretrained' with checkpoint=FILE, or set "
        f'{key}=None'
    )


def _check_init(cfg, key: str, init: object) -> None:
    if not isinstance(init, dict):
        raise UserError(
            f'{key}: {init!r:.60} in its list has to be a dict with a type'
        )
    if type_name(init) not in ('Pretrained', 'PretrainedInit'):
        return
    for name in {*init} - {*_TAKES}:
        like = get_close_matches(str(name), _TAKES, 1, 0.5)
        meant = {**init, **dict.fromkeys(like, init[name])}
        path = meant.get('checkpoint')
        line = isinstance(path, str) and start_line(
            cfg, key, path, meant.get('prefix')
        )
        raise UserError(
            f"{key}.{name}: 'Pretrained' has no such setting; "
            + (f'did you mean {like[0]}? ' if like else '')
            + (f'set {line}' if line else f'it takes {", ".join(_TAKES)}')
        )
    if not isinstance(init.get('checkpoint'), str) or not init['checkpoint']:
        raise UserError(
            f"{key}: is 'Pretrained' and names no file; set "
            f'{key}.checkpoint=FILE, or {key}=None to load nothing'
        )


def _model(cfg) -> dict:
    model = cfg.get('model') if isinstance(cfg, dict | Config) else None
    return model if isinstance(model, dict) else {}


def _settings(part: object, key: str) -> Iterator[tuple[str, Any]]:
    """What stands under ``init_cfg`` and ``pretrained`` in a model."""
    if isinstance(part, list | tuple):
        for number, item in enumerate(part):
            yield from _settings(item, f'{key}.{number}')
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        if name in ('init_cfg', 'pretrained'):
            yield f'{key}.{name}', value
        else:
            yield from _settings(value, f'{key}.{name}')


def _listed(value: object) -> list[dict]:
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if isinstance(item, dict)]
