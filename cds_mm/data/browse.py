"""A picture of what a recipe does to the images."""

import copy
from collections.abc import Iterator

import numpy as np
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS
from PIL import Image, ImageDraw

from cds_mm.config import use_parity
from cds_mm.data.checks import check_dataset
from cds_mm.data.loading import read_rgb
from cds_mm.data.seeding import SeededFetch
from cds_mm.errors import UserError

_HEADER = 14
_GAP = 4


def browse_views(
    cfg, split='train', num=8, epoch=0, draws=3, seed=0, side=128
) -> Image.Image:
    """Draw images and their views as a recipe makes them, op by op.

    Args:
        cfg (Config): a config with a ``<split>_dataloader``, of a leaf or
            dumped by a run.
        split (str): 'train', 'val' or 'test'.
        num (int): number of images, spread evenly over the data set.
        epoch (int): the first epoch to draw.
        draws (int): number of epochs from there on.
        seed (int): seed of the run.
        side (int): side of a cell of the grid in pixels.

    Returns:
        A grid: one row for each image, headed by its class; the original,
        then the views of each epoch.

    Raises:
        UserError: no such dataloader, or a data set that cannot be read.
    """
    cfg = copy.deepcopy(cfg)
    if split == 'train':
        use_parity(cfg)
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise UserError(
            f'the config has no {split}_dataloader; choose another --split'
        )
    check_dataset(loader['dataset'])
    # Wrappers such as ConcatDataset look for theirs in the default scope.
    scope = cfg.get('default_scope') or 'mmpretrain'
    with DefaultScope.overwrite_default_scope(scope):
        dataset = DATASETS.build(loader['dataset'])
    fetch = SeededFetch(dataset, seed)
    chosen = np.linspace(0, len(dataset) - 1, min(num, len(dataset)))
    rows = []
    for index in chosen.astype(int).tolist():
        cells = [(_title(dataset, index), _original(dataset, index))]
        for drawn in range(epoch, epoch + draws):
            fetch.set_epoch(drawn)
            views = as_images(fetch([index])[0]['inputs'])
            cells += [
                (f'epoch {drawn}, view {number}', view)
                for number, view in enumerate(views)
            ]
        rows.append(cells)
    return draw_grid(rows, side)


def as_images(inputs) -> Iterator[np.ndarray]:
    """Turn packed inputs, a tensor (3, H, W) or a list of V, into images."""
    views = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for view in views:
        yield view.permute(1, 2, 0).numpy()


def draw_grid(rows: list[list[tuple[str, np.ndarray]]], side: int):
    """Draw rows of titled RGB uint8 images of any size into square cells."""
    width, height = side + _GAP, side + _HEADER + _GAP
    columns = max(len(cells) for cells in rows)
    grid = Image.new('RGB', (columns * width, len(rows) * height), 'white')
    draw = ImageDraw.Draw(grid)
    for row, cells in enumerate(rows):
        for column, (title, array) in enumerate(cells):
            x, y = column * width, row * height
            # The default font is about six pixels wide.
            draw.text((x + 2, y + 1), title[: side // 6], fill='black')
            grid.paste(_fit(array, side), (x, y + _HEADER))
    return grid


def _fit(array: np.ndarray, side: int) -> Image.Image:
    image = Image.fromarray(array)
    scale = side / max(image.size)
    size = [max(1, round(length * scale)) for length in image.size]
    # Single pixels of CIFAR stay visible.
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return image.resize(size, how)


def _original(dataset, index: int) -> np.ndarray:
    info = dataset.get_data_info(index)
    return info['img'] if 'img' in info else read_rgb(info['img_path'])


def _title(dataset, index: int) -> str:
    label = dataset.get_data_info(index).get('gt_label')
    classes = dataset.metainfo.get('classes')
    named = classes and label is not None and 0 <= label < len(classes)
    return str(classes[label]) if named else f'label {label}'
