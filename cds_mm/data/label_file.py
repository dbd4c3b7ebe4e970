"""Which images of a training set keep their labels, as a file."""

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS

from cds_mm.data.checks import check_dataset
from cds_mm.data.label_fraction import whole_config
from cds_mm.data.label_split import LabelSplit, choose_split, write_split


def write_label_file(
    cfg: Config, ratio: float, seed: int, out: str
) -> LabelSplit:
    """Choose, and write the file.

    Args:
        cfg: whose training set is meant.
        ratio: share of each class that keeps its labels.
        seed: of the choice.
        out: the file, JSON.

    Returns:
        LabelSplit: what was chosen.

    Raises:
        UserError: the data set or the ratio is not as it should be.
    """
    whole = whole_config(cfg.train_dataloader.dataset)
    check_dataset(whole)
    scope = cfg.get('default_scope') or 'mmpretrain'
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(whole)
    split = choose_split(dataset, ratio, seed)
    write_split(split, out)
    return split
