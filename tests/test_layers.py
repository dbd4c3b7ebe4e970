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
        'arguments',
        'outcome',
        'choices',
        'compat',
        'environment',
        'quiet',
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
        'schedules',
        'run_warnings',
        'registry',
        'interruption',
        'launcher',
        'meeting',
        'lost_process',
        'work_dir_lock',
    },
    # The library: what another program imports.
    {'losses', 'branches', 'backbones', 'data', 'evaluation'},
    {'coco'},
    {'checkpoint'},
    {'supervision', 'teacher', 'step_facts'},
    {'classifier'},
    {'hooks', 'testing', 'registration'},
    {'utils'},
    # The workbench, and the command lines on top of it.
    {'engine', 'doctor'},
    {'analysis'},
    {'experiments'},
    {'demo'},
    {'commands'},
    {'__main__'},
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


def imports_at_the_top(path):
    """Names of the modules that a file imports when it is imported."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield node.module or ''
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_who_imports_a_host_makes_it_importable_first():
    """Else MMDetection's operations would be missing, and some silently."""
    hosts = {'mmpretrain', 'mmdet', 'mmcv'}
    faults = []
    for path in PACKAGE.rglob('*.py'):
        names = [*imports_at_the_top(path)]
        if not hosts & {name.partition('.')[0] for name in names}:
            continue
        packages = (
            folder / '__init__.py'
            for folder in path.parents
            if PACKAGE in folder.parents
        )
        ready = any(
            'cds_mm.hosts' in imports_at_the_top(file)
            for file in (path, *packages)
        )
        if not ready:
            faults.append(str(path.relative_to(PACKAGE)))
    assert not faults
