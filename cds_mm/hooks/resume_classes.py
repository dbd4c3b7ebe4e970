"""Whether a run that goes on has the classes that it began with."""

from typing import Any

from mmengine.config import Config

from cds_mm.coco.leaf import knows_its_classes
from cds_mm.data.class_names import (
    check_trained_classes,
    class_names,
    trained_classes,
)


def check_resumed_classes(
    dataset: Any, cfg: Config, meta: dict, source: str | None = None
) -> None:
    """See that a run that goes on has the classes that it began with.

    A detector that reads the names as text may be given others.

    Args:
        dataset: the built data set of the training.
        cfg: of the run.
        meta: of the checkpoint that it goes on from, if it does.
        source: path of the checkpoint that is resumed; as the config says
            unless given.

    Raises:
        ClassesError: other classes, or another order.
    """
    if source is None and cfg.get('resume'):
        source = cfg.load_from
    known, given = trained_classes(meta), class_names(dataset)
    if source and known and given and knows_its_classes(cfg):
        where = 'train_dataloader.dataset'
        check_trained_classes(known, given, source, where)
