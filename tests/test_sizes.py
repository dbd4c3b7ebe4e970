"""Functions and files are short enough to be read at a glance."""

import ast
from pathlib import Path

import pytest

import cds_mm

PACKAGE = Path(cds_mm.__file__).parent
FILE_LINES = 250
FUNCTION_LINES = 50


@pytest.mark.parametrize(
    'path',
    sorted(PACKAGE.rglob('*.py')),
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_lengths(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_LINES
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    }
    assert not long
