"""What methods cost beside each other: parameters, MACs, step time, memory.

    %(prog)s configs/{baseline,dsn,dks,dhm,cds}_r18_in1k.py

The first config is what the others are compared with.  Steps are those of
`tools/train.py` without its data, on the GPU where there is one.
"""

import argparse

from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/cost_table.py``."""
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


def main(argv: list[str] | None = None) -> None:
    """Measure configs in turns and print the table."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.analysis.cost import cost_table, measure

    costs = measure(args.configs, args.batch_size, args.repeats)
    print(cost_table(costs, args.batch_size))
