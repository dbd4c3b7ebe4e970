"""Settings over those of a config file, as ``--cfg-options`` gives them."""

from typing import Any

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from cds_mm.config.questions import type_name
from cds_mm.config.unread import check_option
from cds_mm.errors import UserError
from cds_mm.outcome import one_line

_DELETE = '_delete_'
# Branches are merged when the model is built, over the settings that all
# stages have: below this key `_delete_` still has its work to do.
_MERGED_LATER = ('model', 'branches')


def apply_options(cfg: Config, options: dict) -> None:
    """Set what ``--cfg-options`` says, in place.

    As MMEngine merges: a dict goes into the one that is there, unless
    ``_delete_=True`` stands in it or beside its keys.  Items of lists are
    named by their number.

    Args:
        cfg: a full config.
        options: values by dotted keys.

    Raises:
        UserError: a key has no place there, or nothing reads it.
    """
    # Whatever the order of the options, what is deleted is deleted first.
    keys = sorted(options, key=lambda key: not key.endswith(f'.{_DELETE}'))
    for key in keys:
        check_option(cfg, key)
        first, *rest = key.split('.')
        try:
            old = cfg.get(first, _MISSING)
            cfg[first] = _replaced(old, (first,), rest, options[key])
        except _NoPlaceError as error:
            raise UserError(
                f'--cfg-options {key}: cannot be set ({error}); '
                f'compare the key with {cfg.filename}'
            ) from error
    if any(key.split('.')[0] == 'custom_imports' for key in keys):
        _import_custom(cfg)


def _import_custom(cfg):
    # Those of the file were imported when it was opened.
    try:
        import_modules_from_strings(**cfg.custom_imports)
    except (ImportError, TypeError) as error:
        raise UserError(
            f'--cfg-options custom_imports: cannot be imported '
            f'({one_line(error)}); check the name, and add the folder that '
            'has it to PYTHONPATH'
        ) from error


class _NoPlaceError(Exception):
    """One of the keys between the dots leads nowhere."""


_MISSING: Any = object()


def _replaced(
    node: Any, path: tuple[str, ...], parts: list[str], value: Any
) -> Any:
    """A copy of a part of a config, at ``path``, with one setting in it.

    A copy, since a file may use one dict in several places.
    """
    if not parts:
        return merged(node, value, path)
    first, rest = parts[0], parts[1:]
    if node is _MISSING:
        node = {}
    if isinstance(node, list | tuple):
        items = list(node)
        if not first.isdigit() or int(first) >= len(items):
            raise _NoPlaceError(
                f'{first} is none of the numbers 0 to {len(items) - 1} of a '
                'list'
            )
        item = items[int(first)]
        items[int(first)] = _replaced(item, (*path, first), rest, value)
        return type(node)(items)
    if not isinstance(node, dict):
        raise _NoPlaceError(f'{node!r} has no {first}')
    if first == _DELETE and not rest:
        return _emptied(path) if value else node
    if first.isdigit() and first not in node and 'type' in node:
        raise _NoPlaceError(
            f'{first} is the number of an item, and there is no list but one '
            f'{type_name(node)!r}: leave {first} out'
        )
    copy = node.copy()
    old = copy.get(first, _MISSING)
    copy[first] = _replaced(old, (*path, first), rest, value)
    return copy


def merged(old: Any, new: Any, path: tuple[str, ...] = ()) -> Any:
    """A copy of a part of a config with settings over it, as MMEngine merges.

    Args:
        old: what is there.  Anything but a dict is replaced.
        new: a dict goes into the old one, unless it has ``_delete_=True``.
        path: of the part in its config, where that matters.
    """
    if not isinstance(new, dict):
        return [merged(None, item) for item in new] if _is_list(new) else new
    given = dict(new)
    deletes = given.pop(_DELETE, False)
    keeps = isinstance(old, dict) and not deletes
    result = old.copy() if keeps else _emptied(path) if deletes else {}
    for key, value in given.items():
        result[key] = merged(result.get(key), value, (*path, key))
    return result


def _emptied(path: tuple[str, ...]) -> dict[str, Any]:
    depth = len(_MERGED_LATER)
    later = path[:depth] == _MERGED_LATER and len(path) > depth
    return {_DELETE: True} if later else {}


def _is_list(value) -> bool:
    return type(value) is list
