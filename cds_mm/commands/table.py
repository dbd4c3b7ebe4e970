"""All commands in one place: for ``cds-mm NAME`` and for ``tools/*.py``."""

import difflib
import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cds_mm import outcome
from cds_mm.errors import UserError
from cds_mm.version import __version__

PROGRAM = 'cds-mm'
_HERE = 'cds_mm.commands'
_RANKS = 'torchrun --nproc_per_node=N -m cds_mm train'


@dataclass(frozen=True)
class Command:
    """A command line.

    Attributes:
        name: after ``cds-mm``.
        about: one line.
        tool: stem of its file in ``tools/`` and of its module here; empty
            where there is no such file.
        module: where its ``main`` is, unless that is the tool's.
    """

    name: str
    about: str
    tool: str = ''
    module: str = ''

    @property
    def main(self) -> Callable[[list[str] | None], int | None]:
        """Its function; imported when it is wanted."""
        module = self.module or f'{_HERE}.{self.tool}'
        return importlib.import_module(module).main


COMMANDS = (
    Command('train', 'pretrain a backbone, or train a detector', 'train'),
    Command('test', 'evaluate a checkpoint', 'test'),
    Command(
        'convert',
        'strip a checkpoint to its backbone, and verify it in a detector',
        'convert_backbone',
    ),
    Command(
        'check',
        'verify a converted file in a detector',
        module=f'{_HERE}.check',
    ),
    Command(
        'check-data',
        'read all annotations and images of a config',
        'check_data',
    ),
    Command('views', 'draw the augmented images of a config', 'browse_views'),
    Command(
        'config-path',
        'list the configs, or print the path of one for _base_',
        module=f'{_HERE}.config_path',
    ),
    Command(
        'probe',
        'measure what each stage of a backbone has learned',
        'probe_stages',
    ),
    Command(
        'reliability',
        'draw the reliability diagram of a classifier',
        'reliability_diagram',
    ),
    Command(
        'plot-losses',
        'draw the training loss and accuracy of runs',
        'plot_losses',
    ),
    Command(
        'cost',
        'compare parameters, MACs, step time and memory of configs',
        'cost_table',
    ),
    Command('run-row', 'run what a row of a table lacks', 'run_row'),
    Command(
        'label-fraction',
        'write which training images keep their labels',
        'label_fraction',
    ),
    Command('demo', 'run the whole chain on digits, on a CPU', 'demo'),
    Command(
        'ops',
        "try MMDetection's stock detectors on the installed operations",
        'ops_table',
    ),
    Command(
        'doctor',
        'report what is installed and what is wrong with it',
        module='cds_mm.doctor.__main__',
    ),
)
_NAMES = {command.name: command for command in COMMANDS}
# Tools are found by their names too, when one is suggested.
_ALSO = {command.tool.replace('_', '-'): command.name for command in COMMANDS}


def run_tool(file: str) -> int:
    """Run the command of a file in ``tools/``.

    Args:
        file: its ``__file__``.

    Returns:
        int: the exit code.
    """
    stem = Path(file).stem
    (found,) = (command for command in COMMANDS if command.tool == stem)
    return outcome.friendly_main(found.main)(None)


def run_command(argv: list[str]) -> int:
    """Run ``cds-mm`` with these arguments.

    Returns:
        int: the exit code.
    """
    name, rest = (argv[0], argv[1:]) if argv else ('', [])
    if name in ('', '-h', '--help', 'help'):
        print(overview(), file=sys.stdout if name else sys.stderr)
        return 0 if name else 2
    if name == '--version':
        print(f'{PROGRAM} {__version__}')
        return 0
    if name not in _NAMES:
        return outcome.friendly_main(_refuse)(name)
    # Of this, argparse makes the usage, and MMEngine the record of a run.
    sys.argv = [f'{PROGRAM} {name}', *rest]
    return outcome.friendly_main(_run)(_NAMES[name], rest)


def _run(command: Command, argv: list[str]) -> int | None:
    try:
        return command.main(argv)
    except UserError as error:
        said = str(error)
        if said == _in_console(said):
            raise
        raise UserError(_in_console(said)) from error


def _in_console(text: str) -> str:
    """A message with commands of ``cds-mm`` for files in ``tools/``."""
    for command in filter(lambda one: one.tool, COMMANDS):
        tool = rf'(?:python )?tools/{command.tool}\.py'
        text = re.sub(tool, f'{PROGRAM} {command.name}', text)
    return text.replace('tools/dist_train.sh', _RANKS)


def _refuse(name: str) -> None:
    known = [*_NAMES, *_ALSO]
    near = difflib.get_close_matches(name.replace('_', '-'), known, 1)
    found = [_ALSO.get(one, one) for one in near]
    fix = f'did you mean {PROGRAM} {found[0]}?' if found else ''
    raise UserError(
        f'{PROGRAM} {name}: no such command; '
        + (fix or f'{PROGRAM} --help lists them')
    )


def overview() -> str:
    """The text of ``cds-mm --help``."""
    width = max(map(len, _NAMES))
    lines = (f'  {one.name:<{width}}  {one.about}' for one in COMMANDS)
    return '\n'.join(
        [
            f'usage: {PROGRAM} COMMAND [arguments]',
            '',
            'Contrastive Deep Supervision for OpenMMLab: pretrain a backbone, '
            'convert it,',
            'train a detector with it.',
            '',
            'commands:',
            *lines,
            '',
            f'{PROGRAM} COMMAND --help lists the arguments of one; '
            f'{PROGRAM} --version.',
        ]
    )
