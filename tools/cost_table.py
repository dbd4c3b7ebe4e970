"""What methods cost beside each other: parameters, MACs, step time, memory.

    python tools/cost_table.py configs/{baseline,dsn,dks,dhm,cds}_r18_in1k.py

The first config is what the others are compared with.  Steps are those of
`tools/train.py` without its data, on the GPU where there is one.
"""

import argparse
import sys

from cds_mm.engine.cli import friendly_main
from cds_mm.engine.cost import cost_table, measure


def parse_args(argv=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('configs', nargs='+', help='leaf configs')
    parser.add_argument(
        '--batch-size', type=int, default=16, help='images a step'
    )
    parser.add_argument(
        '--repeats', type=int, default=5, help='measured steps of each'
    )
    return parser.parse_args(argv)


@friendly_main
def main(argv=None) -> None:
    args = parse_args(argv)
    costs = measure(args.configs, args.batch_size, args.repeats)
    print(cost_table(costs, args.batch_size))


if __name__ == '__main__':
    sys.exit(main())
