"""What the value of ``--cfg-options key=value`` means."""

import ast
from typing import Any

from cds_mm.errors import UserError

_BRACKETS = {'(': ')', '[': ']', '{': '}'}
_WORDS = {'true': True, 'false': False}


def option_value(text: str) -> Any:
    """Read a value as MMEngine's ``DictAction`` does, dicts and spaces too.

    Numbers, True, False and None; lists in brackets or between commas;
    anything else is a text, with its spaces.  In brackets, what is written as
    in Python is read as in Python: ``dict(type='AdamW', lr=1e-3)``,
    ``[dict(type='EMAHook')]``, ``('0', '1')``.

    Args:
        text: what follows the first ``=``.

    Raises:
        UserError: brackets that do not match, or a dict that cannot be read.
    """
    text = text.strip()
    is_dict = text.lstrip('([ ').startswith(('dict(', '{'))
    if is_dict or (text[:1] in ('(', '[') and ("'" in text or '"' in text)):
        try:
            return _as_python(ast.parse(text, mode='eval').body)
        except (SyntaxError, ValueError, RecursionError) as error:
            if is_dict:
                raise UserError(
                    f'{text}: cannot be read as a dict ({error}); write it '
                    'as in Python, with its texts in quotes: '
                    "dict(type='AdamW', lr=0.001)"
                ) from error
    return _plain(text)


def _as_python(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str | int | float | None):
            return node.value
    elif isinstance(node, ast.Name):  # a text without its quotes
        return _WORDS.get(node.id, node.id)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _as_python(node.operand)
        if isinstance(value, int | float):
            return -value
    elif isinstance(node, ast.List):
        return [_as_python(item) for item in node.elts]
    elif isinstance(node, ast.Tuple):
        return tuple(_as_python(item) for item in node.elts)
    elif isinstance(node, ast.Dict) and None not in node.keys:
        keys = [_as_python(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_as_python, node.values), strict=True))
    elif isinstance(node, ast.Call) and _is_dict_call(node):
        return {str(k.arg): _as_python(k.value) for k in node.keywords}
    raise ValueError(f'{ast.unparse(node)} is no plain value')


def _is_dict_call(node: ast.Call) -> bool:
    named = isinstance(node.func, ast.Name) and node.func.id == 'dict'
    return named and not node.args and all(k.arg for k in node.keywords)


def _plain(text: str) -> Any:
    text = text.strip().strip('\'"').strip()
    if text.startswith('(') and text.endswith(')'):
        return tuple(_plain(item) for item in _items(text[1:-1]))
    if text.startswith('[') and text.endswith(']'):
        return [_plain(item) for item in _items(text[1:-1])]
    if ',' in text:
        return [_plain(item) for item in _items(text)]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text == 'None':
        return None
    return _WORDS.get(text.lower(), text)


def _items(text: str) -> list[str]:
    """What stands between the commas that are in no bracket."""
    items, closing = [''], list[str]()
    for character in text:
        if character in _BRACKETS:
            closing.append(_BRACKETS[character])
        elif character in _BRACKETS.values() and (
            not closing or closing.pop() != character
        ):
            raise _unbalanced(text)
        if character == ',' and not closing:
            items.append('')
        else:
            items[-1] += character
    if closing:
        raise _unbalanced(text)
    return items if items[-1].strip() else items[:-1]


def _unbalanced(text: str) -> UserError:
    return UserError(
        f'{text}: its brackets do not match; close each one, and put the '
        'whole option in quotes'
    )
