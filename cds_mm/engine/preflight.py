"""What is looked at before a run starts, since it is cheap to find there."""

from pathlib import Path

from cds_mm.checkpoint import read_checkpoint
from cds_mm.data import check_dataset, check_labels
from cds_mm.errors import UserError


def check_data(cfg, splits: tuple[str, ...]) -> None:
    """Look at the data sets of some splits.

    Raises:
        UserError: a folder is missing or empty, or the layout is another.
    """
    if cfg.get('default_scope') == 'mmdet':
        return _check_coco(cfg, splits)
    for split in splits:
        loader = cfg.get(f'{split}_dataloader')
        if loader is not None:
            check_dataset(loader.dataset)
    return None


def check_classes(runner, cfg) -> None:
    """Compare the labels of the training set with the head.

    Raises:
        UserError: a label is outside the head's range.
    """
    num_classes = cfg.model.get('head', {}).get('num_classes')
    if num_classes:
        check_labels(runner.train_dataloader.dataset, num_classes)


def check_checkpoint(path: str, resume: bool = False) -> None:
    """Open a checkpoint that the host is about to load.

    The host falls back to running whatever code is in a file.  What the
    restricted reader accepts holds no code to run.

    Raises:
        UserError: it is missing, broken or more than a checkpoint, or
            ``resume`` is asked for and it has no training state.
    """
    if '://' in str(path):
        return
    checkpoint = read_checkpoint(path)
    if resume and 'optimizer' not in checkpoint:
        raise UserError(
            f'--resume {path}: it holds weights and no training state; start '
            f'a run from it with --cfg-options load_from={path}'
        )


def _check_coco(cfg, splits):
    for split in splits:
        dataset = cfg.get(f'{split}_dataloader', {}).get('dataset', {})
        root = Path(dataset.get('data_root') or '.')
        annotations = dataset.get('ann_file')
        if annotations and not (root / annotations).is_file():
            raise UserError(
                f'{split}_dataloader.dataset: there is no {root / annotations}'
                '; name your files with --cfg-options '
                f'{split}_dataloader.dataset.data_root=... '
                f'{split}_dataloader.dataset.ann_file=...'
            )
