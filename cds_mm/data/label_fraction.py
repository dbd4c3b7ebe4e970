"""Any data set of MMPretrain, with the labels of a fraction of its images."""

import math

from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from cds_mm.data.label_split import (
    LabelSplit,
    check_ratio,
    check_split,
    choose_split,
    read_split,
)
from cds_mm.errors import UserError

KEEP = ('all', 'labelled')


@DATASETS.register_module()
def LabelFraction(
    of: str,
    ratio: float | None = None,
    seed: int = 0,
    file: str | None = None,
    keep: str = 'all',
    **options,
) -> BaseDataset:
    """Build a data set in which a fraction alone is labelled.

    It is no wrapper: what comes back is the data set ``of``, and in its
    records the label of every other image is -1.  So the other keys of a
    config stay where they were, and any config becomes one with few labels::

        train_dataloader.dataset.type=LabelFraction
        train_dataloader.dataset.of=ImageNet
        train_dataloader.dataset.ratio=0.1

    Args:
        of: type of the data set.
        ratio: share of each class that keeps its labels; the rest is
            :func:`cds_mm.data.label_split.choose_split`.
        seed: of the choice.  It is none of the run's: several runs are
            trained on the same labels.
        file: take the choice from this file of ``tools/label_fraction.py``;
            ``seed`` is not read, and ``ratio`` has to be the file's.
        keep: 'all', or 'labelled' for a baseline: the images without a label
            are left out, and there are copies of the others, at least as many
            as the whole has images;
            :class:`~cds_mm.data.EqualIterationsSampler` makes epochs of
            exactly as many.
        **options: of the data set.

    Raises:
        UserError: there is no such data set or file, or they do not fit.
    """
    check_label_fraction(of, ratio, file, keep)
    serialize = options.pop('serialize_data', True)
    options |= dict(type=of, serialize_data=False, lazy_init=False)
    dataset = DATASETS.build(options)
    split = _split(dataset, ratio, seed, file)
    # For EqualIterationsSampler.
    dataset.epoch_images = dataset.distinct_images = len(dataset)
    if keep == 'all':
        _hide(dataset, split)
    else:
        _keep(dataset, split)
    if serialize:
        _serialize(dataset)
    return dataset


def whole_config(cfg: dict) -> dict:
    """The config of a data set with all of its labels.

    Args:
        cfg: of a data set, ``LabelFraction`` or another.
    """
    cfg = dict(cfg)
    if 'of' in cfg:
        cfg['type'] = cfg.pop('of')
        for key in ('ratio', 'seed', 'file', 'keep'):
            cfg.pop(key, None)
    return cfg


def check_label_fraction(of, ratio, file, keep) -> None:
    """Check the arguments of :func:`LabelFraction`, without the data set.

    Raises:
        UserError: they are incomplete, or do not fit each other.
    """
    kind = DATASETS.get(of) if isinstance(of, str) else of
    if not isinstance(kind, type):
        raise UserError(
            f'LabelFraction: of={of!r} is no data set; name its type, e.g. '
            'of=CIFAR100, of=ImageNet or of=ClassFolder'
        )
    if keep not in KEEP:
        raise UserError(
            f'LabelFraction: keep={keep!r} is none of {", ".join(KEEP)}; set '
            'one of them'
        )
    if file is None and ratio is None:
        raise UserError(
            'LabelFraction: neither ratio nor file is given; set ratio=0.1 '
            'for 10 % of the labels, or a file of tools/label_fraction.py'
        )
    if ratio is not None:
        check_ratio(ratio)
    if file is not None:
        stored = read_split(file).ratio
        if ratio not in (None, stored):
            raise UserError(
                f'{file}: is of ratio {stored:g}, and the config has ratio='
                f'{ratio:g}; set ratio to that of the file, or another file'
            )


def _split(dataset, ratio, seed, file) -> LabelSplit:
    if file is None:
        return choose_split(dataset, ratio, seed)
    split = read_split(file)
    check_split(split, dataset, file)
    return split


def _hide(dataset, split):
    labelled = set(split.labelled)
    for place, record in enumerate(dataset.data_list):
        if place not in labelled:
            record['gt_label'] = -1


def _keep(dataset, split):
    whole, labelled = len(dataset), len(split.labelled)
    kept = [dataset.data_list[place] for place in split.labelled]
    dataset.data_list = kept * math.ceil(whole / labelled)
    dataset.distinct_images = labelled
    print_log(
        f'{labelled:,} of {whole:,} training images are labelled, the others '
        f'left out; an epoch has {whole:,} views of them',
        'current',
    )


def _serialize(dataset) -> None:
    # As the host does when it has loaded: workers share one copy.
    dataset.serialize_data = True
    dataset.data_bytes, dataset.data_address = dataset._serialize_data()
