"""How fast it is, beside plain PyTorch and torchvision, in turns.

    python tools/benchmark.py data|step|loss|eval|startup

Prints a table, at the end: medians of our figures and of the reference's, the
gain (the median of the turns' ratios), its spread (from the least to the
largest) and the target that was set for the default sizes.  Where the spread
holds 1 there is no gain.  Every turn goes into a JSON file.
"""

import argparse
import ast
import importlib
import shlex
import sys
from pathlib import Path

from benchmarks.pairs import machine, positive, table, write_json

from cds_mm.files import check_writable
from cds_mm.outcome import friendly_main

# Modules of tools/benchmarks with `add_options` and `compare`.  They import
# the hosts, so that only the one which runs is imported.
PARTS = ('data', 'step', 'loss', 'eval', 'startup')
FOLDER = Path(__file__).with_name('benchmarks')


def _summary(name: str) -> str:
    source = (FOLDER / f'{name}.py').read_text(encoding='utf-8')
    return ast.get_docstring(ast.parse(source)).splitlines()[0]


def parse_args(argv=None) -> argparse.Namespace:
    named = next(iter(sys.argv[1:] if argv is None else argv), None)
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest='part', required=True)
    for name in PARTS:
        part = parts.add_parser(
            name,
            help=_summary(name),
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        part.add_argument(
            '--repeats', type=positive, default=5, help='turns of each'
        )
        part.add_argument(
            '--json',
            type=Path,
            default=Path(f'work_dirs/benchmark/{name}.json'),
            help='where to write every turn',
        )
        if name == named:
            module = importlib.import_module(f'benchmarks.{name}')
            module.add_options(part)
            part.set_defaults(compare=module.compare)
    return parser.parse_args(argv)


@friendly_main
def main(argv=None) -> None:
    args = parse_args(argv)
    check_writable(str(args.json.parent), '--json')
    comparisons = args.compare(args)
    print(f'{machine()}\n\n{table(comparisons)}')
    write_json(args.json, shlex.join(sys.argv), comparisons)
    print(f'\nevery turn: {args.json}')


if __name__ == '__main__':
    sys.exit(main())
