"""What needs no host library imports none.

Imports only add up, so what a statement brings is seen after it: they are
tried one after the other, since to start Python for each takes seconds.
"""

import pytest
from command_lines import ROOT
from new_process import answers, answers_of_forks

from cds_mm.commands.table import COMMANDS as TABLE

HOSTS = {'mmpretrain', 'mmdet', 'mmcv', 'mmengine'}
ALONE = [
    'import cds_mm',
    'import cds_mm.ops',
    'from cds_mm.losses import contrastive_loss',
]
READING = [
    'from cds_mm.checkpoint import extract_backbone, read_checkpoint',
    'import cds_mm.config',
    'from cds_mm.doctor.__main__ import main',
]
COMMANDS = sorted(
    path.stem
    for path in (ROOT / 'cds_mm' / 'commands').glob('*.py')
    if path.stem not in ('__init__', 'options', 'table')
)
CONSOLE = (
    'from cds_mm.commands.table import run_command\n'
    "assert run_command(['--help']) == 0"
)
TOOLS = sorted(path.name for path in (ROOT / 'tools').glob('*.py'))
# Each of these is to be the first of its process.
FIRST = ['cds_mm.classifier', 'cds_mm.hooks', 'cds_mm.data.label_file']
REGISTER = """\
from cds_mm.utils import register_all_modules
register_all_modules()
from mmpretrain.registry import MODELS, DATASETS
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
assert MODELS.get('DeepSupervisedClassifier')
assert DATASETS.get('ClassFolder')
assert HOOKS.get('SampleSeedHook')
assert OPTIM_WRAPPERS.get('BFloat16OptimWrapper')
"""


def of_command(command):
    return f'from cds_mm.commands.{command} import parse_args as parse\n' + (
        "parse(['--help'])"
    )


def of_tool(tool):
    """As ``python tools/TOOL --help``, which looks for modules there."""
    folder = ROOT / 'tools'
    return (
        'import runpy, sys\n'
        f'sys.path.insert(0, {str(folder)!r})\n'
        f'sys.argv = [{str(folder / tool)!r}, "--help"]\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")'
    )


@pytest.fixture(scope='module')
def light():
    """Of libraries and of what reads files, in this order."""
    return answers([CONSOLE, *ALONE, *READING])


@pytest.fixture(scope='module')
def helps():
    """Of commands, then of tools, of which torchrun may import torch."""
    tools = sorted(TOOLS, key=lambda tool: tool == 'torchrun.py')
    return answers([*map(of_command, COMMANDS), *map(of_tool, tools)])


@pytest.fixture(scope='module')
def first():
    """Each in a fork that has nothing of this package and of the hosts."""
    statements = [*(f'import {module}' for module in FIRST), REGISTER]
    return answers_of_forks(['pass', *statements])


def imported(found, statement):
    assert not found[statement]['error']
    return set(found[statement]['found'])


@pytest.mark.parametrize('statement', ALONE)
def test_losses_and_operations_need_torch_alone(statement, light):
    assert not imported(light, statement) & HOSTS


@pytest.mark.parametrize('statement', READING)
def test_reading_files_needs_the_config_of_mmengine_at_most(statement, light):
    assert imported(light, statement) & HOSTS <= {'mmengine'}


@pytest.mark.parametrize('command', COMMANDS)
def test_help_imports_no_host_and_no_torch(command, helps):
    found = imported(helps, of_command(command))
    assert not found & {'mmpretrain', 'mmdet', 'mmcv', 'torch'}
    # And one way to call it.
    names = [
        one.name
        for one in TABLE
        if one.main.__module__.endswith(f'commands.{command}')
    ]
    assert len(names) == 1


def test_tools_are_those_of_the_table():
    own = {'benchmark.py', 'torchrun.py', 'write_configs.py'}
    tools = {f'{one.tool}.py' for one in TABLE if one.tool}
    assert tools == set(TOOLS) - own


def test_help_of_the_whole_imports_nothing_but_python(light):
    assert not imported(light, CONSOLE) & (HOSTS | {'torch', 'numpy'})
    said = light[CONSOLE]['said'].splitlines()
    for one in TABLE:
        assert sum(line.startswith(f'  {one.name} ') for line in said) == 1
        assert len(one.about) < 70


@pytest.mark.parametrize('tool', TOOLS)
def test_help_of_every_tool_imports_no_host(tool, helps):
    assert 'usage:' in helps[of_tool(tool)]['said']
    found = imported(helps, of_tool(tool))
    assert not found & {'mmpretrain', 'mmdet', 'mmcv'}


def test_everything_is_registered_by_one_import(first):
    assert imported(first, REGISTER) >= HOSTS


@pytest.mark.parametrize('module', FIRST)
def test_a_module_of_a_host_can_be_imported_first(module, first):
    # MMDetection, which these import in turn, wants compiled operations.
    assert not imported(first, 'pass') & HOSTS
    assert 'mmpretrain' in imported(first, f'import {module}')
