r"""Write down which images of a training set keep their labels.

    python tools/label_fraction.py configs/cifar100/cds_r18_cifar100.py \
        labels/cifar100_10pct_seed0.json --ratio 0.1

The choice is what `type=LabelFraction` makes by itself of the same ratio and
seed; with `train_dataloader.dataset.file=FILE` a run takes that of the file,
and refuses a file that was made for other images.
"""

import argparse

from mmengine.config import DictAction
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS

from cds_mm.configfile import load_config
from cds_mm.data import check_dataset
from cds_mm.data.label_fraction import whole_config
from cds_mm.data.label_split import choose_split, write_split


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
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config: key=value ...',
    )
    return parser.parse_args(argv)


def main(argv=None) -> None:
    """Choose, and write the file.

    Raises:
        UserError: the data set or the ratio is not as it should be.
    """
    args = parse_args(argv)
    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    whole = whole_config(cfg.train_dataloader.dataset)
    check_dataset(whole)
    scope = cfg.get('default_scope') or 'mmpretrain'
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(whole)
    split = choose_split(dataset, args.ratio, args.seed)
    write_split(split, args.out)
    print(
        f'{args.out}: {len(split.labelled):,} of {split.images:,} images of '
        f'{split.dataset}'
    )
