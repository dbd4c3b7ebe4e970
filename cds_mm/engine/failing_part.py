"""Which part of a config a host was building when it failed."""

import contextlib
import inspect
import traceback
from collections.abc import Iterator
from difflib import get_close_matches
from types import FrameType
from typing import Any, NamedTuple, get_type_hints

from cds_mm.arguments import basic_mismatch
from cds_mm.engine.misspelt import Misspelt, misspelt


class FailingPart(NamedTuple):
    """A part of a config that cannot be built.

    Attributes:
        key: where it stands, e.g. ``visualizer.vis_backends[1]``.
        given: its settings.
        built: the class or function that they were for, if it was found.
        names: of what could have been built there, where its type is unknown.
        siblings: names of the other parts beside it.
    """

    key: str
    given: dict
    built: Any = None
    names: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()

    def advice(self, error: BaseException) -> str:
        """What to change, as far as the types of arguments tell.

        Args:
            error: as it was raised.
        """
        kind = self.given.get('type')
        slip = self._slip(error)
        if slip:
            return slip.advice(self.key, self._below())
        if kind is None and isinstance(error, KeyError):
            parent, _, own = self.key.rpartition('.')
            like = get_close_matches(own, self.siblings, 1)
            if like:
                return f'did you mean {parent}.{like[0]}?'
            return f'set {self.key}.type'
        if self.built is None:
            like = get_close_matches(str(kind), self.names, 1)
            return f'did you mean type={like[0]!r}?' if like else ''
        called = _called(self.built)
        hints: dict[str, Any] = {}
        with contextlib.suppress(Exception):  # of any host
            hints = get_type_hints(called)
        for name, value in self.given.items():
            expected = basic_mismatch(hints.get(name, Any), value)
            if expected:
                return f'{self.key}.{name}={value!r} must be {expected}'
        return ''

    def _slip(self, error: BaseException) -> Misspelt | None:
        slip = misspelt(error, self.built)
        if slip and not slip.name:  # any one of them is too many
            names = [name for name in self.given if name != 'type']
            slip = Misspelt(names[0], []) if names else None
        return slip if slip and slip.name in self.given else None

    def _below(self) -> list[str]:
        return [key for key, _ in _keys(self.given, '')]


def failing_part(cfg, error: BaseException) -> FailingPart | None:
    """Look through the frames of an error for what was being built.

    Args:
        cfg: that is built.
        error: as it was raised.

    Returns:
        the innermost part that stands in the config; None without one.
    """
    found = None
    for frame in _frames(error):
        part = _part_of(frame)
        if part is None:
            continue
        inside = found and _key_of(cfg, part, found.key)
        key = inside or _key_of(cfg, part, '')
        if key:
            found = _described(key, part, frame)
    found = found or _part_with_slip(cfg, error)
    return found and found._replace(siblings=_siblings(cfg, found.key))


def _siblings(cfg, key: str) -> tuple[str, ...]:
    parent, _, own = key.rpartition('.')
    nodes = dict(_dicts(cfg, ''))
    return tuple(name for name in nodes.get(parent, ()) if name != own)


def _part_with_slip(cfg, error: BaseException) -> FailingPart | None:
    """The only part that has an argument which a call has refused.

    Loops, random seeds and the like are built without a registry.
    """
    slip = misspelt(error)
    if slip is None:
        return None
    parts = [(k, part) for k, part in _dicts(cfg, '') if slip.name in part]
    if len(parts) != 1:
        return None
    key, part = parts[0]
    return FailingPart(key, dict(part))


def _keys(node: dict, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in node.items():
        yield f'{prefix}{name}', value
        if isinstance(value, dict):
            yield from _keys(value, f'{prefix}{name}.')


def _frames(error: BaseException | None) -> Iterator[FrameType]:
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            yield frame
        # Some versions of the host raise a new error at every level.
        error = error.__cause__ or error.__context__


def _part_of(frame: FrameType) -> dict | None:
    """The settings that a function of the host builds something of."""
    name = frame.f_code.co_name
    if not frame.f_globals.get('__name__', '').startswith('mmengine.'):
        return None
    argument = 'cfg' if name.endswith('_from_cfg') else None
    if name in ('build_dataloader', 'build_optim_wrapper'):
        argument = name.removeprefix('build_')
    elif name == 'init_weights':
        argument = 'init_cfg'
    part = frame.f_locals.get(argument or '')
    return part if isinstance(part, dict) else None


def _described(key: str, part: dict, frame: FrameType) -> FailingPart:
    values = frame.f_locals
    built, names = values.get('obj_cls'), set[str]()
    registry: Any = values.get('registry')
    while built is None and registry is not None:
        names |= set(getattr(registry, 'module_dict', ()))
        registry = getattr(registry, 'parent', None)
    given = dict(part)
    return FailingPart(key, given, built, tuple(names))


def _key_of(cfg, part: dict, inside: str) -> str:
    """Where the settings stand; hosts add some and take some out."""
    best, most = '', -1
    for key, node in _dicts(cfg, ''):
        if inside and not key.startswith((f'{inside}.', f'{inside}[')):
            continue
        shared = [name for name in node if name in part]
        same = all(_equal(node[name], part[name]) for name in shared)
        of_one_kind = 'type' in shared or len(shared) == len(node)
        if same and of_one_kind and len(shared) > most and shared:
            best, most = key, len(shared)
    return best


def _dicts(node, key: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, list | tuple):
        for number, item in enumerate(node):
            yield from _dicts(item, f'{key}[{number}]')
    elif hasattr(node, 'items'):
        if key:
            yield key, node
        for name, item in node.items():
            yield from _dicts(item, f'{key}.{name}' if key else str(name))


def _equal(one, other) -> bool:
    try:
        return bool(one == other)
    except (RuntimeError, TypeError, ValueError):  # of tensors and arrays
        return one is other


def _called(built):
    return built.__init__ if inspect.isclass(built) else built
