r"""Write down which images of a training set keep their labels.

    %(prog)s configs/cifar100/cds_r18_cifar100.py \
        labels/cifar100_10pct_seed0.json --ratio 0.1

The choice is what `type=LabelFraction` makes by itself of the same ratio and
seed; with `train_dataloader.dataset.file=FILE` a run takes that of the file,
and refuses a file that was made for other images.
"""

import argparse

from cds_mm.commands.options import add_cfg_options
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv=None) -> argparse.Namespace:
    """The flags of ``tools/label_fraction.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='whose training set is meant')
    parser.add_argument('out', help='the file to write, .json')
    parser.add_argument(
        '--ratio', type=float, required=True, help='of each class, 0.1: 10 %%'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the choice')
    add_cfg_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Choose, and write the file."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.config import load_config
        from cds_mm.data.label_file import write_label_file
        from cds_mm.files import check_output

    check_output(args.out, 'OUT')
    cfg = load_config(args.config, args.cfg_options)
    split = write_label_file(cfg, args.ratio, args.seed, args.out)
    print(
        f'{args.out}: {len(split.labelled):,} of {split.images:,} images of '
        f'{split.dataset}'
    )
