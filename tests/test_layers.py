"""Imports point down only."""

import ast
from pathlib import Path

import cds_mm

PACKAGE = Path(cds_mm.__file__).parent

# What a place may import of this package besides itself, from the bottom up.
LAYERS = [
    # The ground floor: nothing of the hosts but MMEngine's config, optimizer
    # wrapper and file names.
    {
        'errors',
        'outcome',
        'optional',
        'markdown',
        'modes',
        'precision',
        'version',
        'paths',
        'files',
        'config',
        'stopwatch',
        'stage_outputs',
        'distributed',
        'ops',
        'hosts',
        'optim_wrapper',
    },
    # The library: what another program imports.
    {'losses', 'branches', 'backbones', 'data', 'evaluation'},
    {'checkpoint'},
    {'supervision', 'teacher'},
    {'classifier'},
    {'hooks', 'testing', 'registration'},
    {'utils'},
    # The workbench, and the command lines on top of it.
    {'engine', 'doctor'},
    {'analysis'},
    {'experiments'},
    {'demo'},
    {'commands'},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
GROUND = LAYERS[0]


def place(path):
    parts = path.relative_to(PACKAGE).with_suffix('').parts
    return parts[0]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith('cds_mm.'):
                yield name.split('.')[1]


def test_imports_point_down():
    faults = []
    for path in PACKAGE.rglob('*.py'):
        here = place(path)
        if here == '__init__':
            continue
        assert here in LEVEL, f'{here} has no layer'
        for there in set(imports(path)) - {here}:
            down = LEVEL[there] < LEVEL[here] or there in GROUND
            if not down and here != 'registration':
                faults.append(f'{path.relative_to(PACKAGE)} imports {there}')
    assert not faults


def test_every_layer_exists():
    present = {place(path) for path in PACKAGE.rglob('*.py')} - {'__init__'}
    assert present == set(LEVEL)
