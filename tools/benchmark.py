"""How fast it is, beside plain PyTorch and torchvision, in turns.

    python tools/benchmark.py data|step|loss|eval|startup

Prints a table of our figures, the reference's and the gain, and writes every
turn of it as JSON.  A gain below the spread is none.
"""

import argparse
import importlib
import shlex
import sys
from pathlib import Path

from benchmarks.pairs import machine, table, write_json

from cds_mm.engine.cli import friendly_main

# Modules of tools/benchmarks with `add_options` and `compare`.
PARTS = ('data', 'step', 'loss', 'eval', 'startup')


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest='part', required=True)
    for name in PARTS:
        module = importlib.import_module(f'benchmarks.{name}')
        part = parts.add_parser(name, help=module.__doc__.splitlines()[0])
        part.add_argument(
            '--repeats', type=int, default=5, help='turns of each'
        )
        part.add_argument(
            '--json',
            type=Path,
            default=Path(f'work_dirs/benchmark/{name}.json'),
            help='where to write every turn (default: %(default)s)',
        )
        module.add_options(part)
        part.set_defaults(compare=module.compare)
    return parser.parse_args(argv)


@friendly_main
def main(argv=None) -> None:
    args = parse_args(argv)
    comparisons = args.compare(args)
    print(f'{machine()}\n\n{table(comparisons)}')
    write_json(args.json, shlex.join(sys.argv), comparisons)
    print(f'\nevery turn: {args.json}')


if __name__ == '__main__':
    sys.exit(main())
