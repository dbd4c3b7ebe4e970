"""Which images of a training set keep their labels, as a file."""

import argparse

from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS

from cds_mm.config import load_config
from cds_mm.data import check_dataset
from cds_mm.data.label_fraction import whole_config
from cds_mm.data.label_split import choose_split, write_split


def write_label_file(args: argparse.Namespace) -> None:
    """Choose, and write the file.

    Raises:
        UserError: the data set or the ratio is not as it should be.
    """
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
