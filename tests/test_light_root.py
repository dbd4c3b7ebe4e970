"""What needs no host library imports none."""

import subprocess
import sys

import pytest
from command_lines import ROOT, run_fresh

HOSTS = ('mmpretrain', 'mmdet', 'mmcv', 'mmengine')
COMMANDS = sorted(
    path.stem
    for path in (ROOT / 'cds_mm' / 'commands').glob('*.py')
    if path.stem not in ('__init__', 'options')
)


def imported(statement: str) -> set[str]:
    """The top-level packages that a statement imports, in a new process."""
    code = (
        f'{statement}\n'
        'import sys\n'
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    shown = run_fresh(sys.executable, '-c', code).fine().out
    return set(shown.splitlines()[-1].split())


@pytest.mark.parametrize(
    'statement',
    [
        'import cds_mm',
        'import cds_mm.ops',
        'from cds_mm.losses import contrastive_loss',
    ],
)
def test_losses_and_operations_need_torch_alone(statement):
    assert not imported(statement) & set(HOSTS)


@pytest.mark.parametrize(
    'statement',
    [
        'from cds_mm.checkpoint import extract_backbone, read_checkpoint',
        'import cds_mm.config',
        'from cds_mm.doctor.__main__ import main',
    ],
)
def test_reading_files_needs_the_config_of_mmengine_at_most(statement):
    assert not imported(statement) & {'mmpretrain', 'mmdet', 'mmcv'}


@pytest.mark.parametrize('command', COMMANDS)
def test_help_imports_no_host_and_no_torch(command):
    parse = "parse_args(['--help'])"
    statement = (
        f'from cds_mm.commands.{command} import parse_args\n'
        f'try:\n    {parse}\n'
        'except SystemExit:\n    pass'
    )
    found = imported(statement)
    assert not found & {'mmpretrain', 'mmdet', 'mmcv', 'torch'}
    # And there is such a tool.
    assert (ROOT / 'tools' / f'{command}.py').is_file()


@pytest.mark.parametrize(
    'tool', sorted(path.name for path in (ROOT / 'tools').glob('*.py'))
)
def test_help_of_every_tool_imports_no_host(tool):
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', f'tools/{tool}', '--help'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'usage:' in done.stdout
    lines = done.stderr.splitlines()
    names = {line.rpartition('|')[2].strip() for line in lines}
    assert not {n.partition('.')[0] for n in names} & {
        'mmpretrain',
        'mmdet',
        'mmcv',
    }


def test_everything_is_registered_by_one_import():
    code = (
        'from cds_mm.utils import register_all_modules\n'
        'register_all_modules()\n'
        'from mmpretrain.registry import MODELS, DATASETS\n'
        'from mmengine.registry import HOOKS, OPTIM_WRAPPERS\n'
        "assert MODELS.get('DeepSupervisedClassifier')\n"
        "assert DATASETS.get('ClassFolder')\n"
        "assert HOOKS.get('SampleSeedHook')\n"
        "assert OPTIM_WRAPPERS.get('BFloat16OptimWrapper')\n"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    'module', ['cds_mm.classifier', 'cds_mm.hooks', 'cds_mm.data.label_file']
)
def test_a_module_of_a_host_can_be_imported_first(module):
    # MMDetection, which these import in turn, wants compiled operations.
    assert 'mmpretrain' in imported(f'import {module}')
