"""The settings of a run, read back from the text in its checkpoint."""

import ast
import math
from typing import Any

_LONGEST = 2_000_000  # characters; the largest stock config has 60,000
_NAMES = {'inf': math.inf, 'nan': math.nan}


def recorded_settings(text: object) -> dict[str, Any]:
    """The settings in ``meta['cfg']`` of a checkpoint.

    The text is Python, as ``Config.pretty_text`` writes it.  It is read and
    never run: constants, lists, tuples, dicts and calls of ``dict``.

    Args:
        text: of a file that may come from anybody.

    Returns:
        dict: by top-level key; what cannot be read is left out, so that it
        is empty for something else than such a text.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return {}
    try:
        statements = ast.parse(text).body
    # MemoryError and RecursionError: of brackets in brackets in brackets.
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return {}
    settings = {}
    for statement in statements:
        if not isinstance(statement, ast.Assign):
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            try:
                settings[target.id] = _value(statement.value)
            except (TypeError, ValueError, RecursionError):
                continue
    return settings


def _value(node: ast.expr) -> Any:
    """The value of an expression.

    Raises:
        ValueError: it is none of those that a config's text consists of.
        TypeError: a key of a dict is no key.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.Call):
        return _dict(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    if isinstance(node, (ast.Name, ast.Attribute)):  # a class
        return ast.unparse(node)
    raise ValueError(f'{type(node).__name__}: no value of a config')


def _dict(node: ast.Call) -> dict:
    if not (isinstance(node.func, ast.Name) and node.func.id == 'dict'):
        raise ValueError('a call of something else than dict')
    # Keys that are no identifiers stand in braces: dict({'a.b': 1}).
    found = dict(_value(node.args[0])) if node.args else {}
    for keyword in node.keywords:
        found[keyword.arg] = _value(keyword.value)
    return found
