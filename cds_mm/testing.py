"""What tests need: fresh random inputs, small configs, two ranks."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.config import Config
from torch import Tensor

from cds_mm.losses import unit_rows
from cds_mm.paths import CONFIGS

__all__ = ['CONFIGS']


def fresh_seed() -> int:
    """A new seed for each call, or ``CDS_MM_TEST_SEED``; printed.

    pytest shows what a failed test printed, so a failure can be repeated.
    """
    seed = int(os.environ.get('CDS_MM_TEST_SEED', time.time_ns() % 2**31))
    print(f'CDS_MM_TEST_SEED={seed}')
    return seed


def fresh_generator() -> torch.Generator:
    """A generator with a fresh, printed seed."""
    return torch.Generator().manual_seed(fresh_seed())


def random_units(
    rows: int, width: int, generator: torch.Generator, dtype=torch.float64
) -> Tensor:
    """(rows, width) of unit length."""
    return unit_rows(
        torch.randn(rows, width, generator=generator, dtype=dtype)
    )


def samples(labels: list[int], sample_idx: list[int] | None = None) -> list:
    """Data samples as the preprocessor hands them to the model."""
    import cds_mm.hosts  # noqa: F401

    from mmpretrain.structures import DataSample

    indices = sample_idx or range(len(labels))
    return [
        DataSample(metainfo={'sample_idx': index}).set_gt_label(label)
        for label, index in zip(labels, indices, strict=True)
    ]


def shrink(
    cfg: Config,
    data_root: str,
    image_size: int,
    batch_size: int = 4,
    epochs: int = 1,
    workers: int = 0,
) -> Config:
    """Make a classification config small without touching its model.

    Args:
        cfg: a config of this project; a copy is changed and returned.
        data_root: a class-per-folder set, for training and validation.
        image_size: side of the crops; of no effect on a CIFAR recipe.
        batch_size: images a rank.
        epochs: of the run.
        workers: of each loader.
    """
    cfg = Config(cfg._cfg_dict.to_dict(), filename=cfg.filename)
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        if loader is None:  # nothing to validate
            continue
        loader.update(batch_size=batch_size, num_workers=workers)
        loader.persistent_workers = bool(workers)
        _resize(loader.dataset.pipeline, image_size)
        loader.dataset = dict(
            type='ClassFolder',
            data_root=str(data_root),
            pipeline=loader.dataset.pipeline,
        )
    cfg.train_cfg.max_epochs = epochs
    cfg.default_hooks.logger.interval = 1
    return cfg


def _resize(pipeline, size):
    for step in pipeline:
        for views in step.get('transforms', []):
            _resize(views, size)
        if step['type'] == 'AntialiasedResizedCrop':
            step.scale = size
        elif step['type'] == 'CenterCrop':
            step.crop_size = size
        elif step['type'] == 'ResizeEdge':
            step.scale = max(size, round(size * 256 / 224))


def run_ranks(world_size: int, function: Callable, *args) -> list:
    """Run ``function(rank, *args)`` on gloo ranks, return what each returns.

    Ranks are forks of a process that has imported the hosts and nothing else,
    once for all calls; to import them takes each new process seconds.

    Args:
        world_size: number of processes.
        function: of module level, so that it can be sent to a process.
        *args: whatever can be pickled.
    """
    mp.set_forkserver_preload(['cds_mm.registration', __name__])
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(
            _rank_main,
            (world_size, folder, function, args),
            world_size,
            start_method='forkserver',
        )
        return [
            torch.load(Path(folder) / f'{rank}.pt', weights_only=False)
            for rank in range(world_size)
        ]


def _rank_main(rank, world_size, folder, function, args):
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=world_size,
    )
    try:
        torch.save(function(rank, *args), Path(folder) / f'{rank}.pt')
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def class_folder(
    sizes: dict[str, int], side: int = 40, seed: int = 0
) -> Iterator[str]:
    """A temporary class-per-folder set of random JPEG files.

    Args:
        sizes: number of images of each class.
        side: pixels of each image's sides.
        seed: of the pixels.
    """
    with tempfile.TemporaryDirectory() as root:
        write_class_folder(root, sizes, side, seed)
        yield root


def write_class_folder(
    root: str, sizes: dict[str, int], side: int = 40, seed: int = 0
) -> None:
    """As :func:`class_folder`, in a folder of the caller's."""
    import cv2

    rng = np.random.default_rng(seed)
    for name, count in sizes.items():
        folder = Path(root) / name
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
            image = cv2.resize(coarse, (side, side))
            cv2.imwrite(str(folder / f'{index:03}.jpg'), image)


def write_scenes(
    root: str | Path, split: str, count: int, rng: np.random.Generator
) -> None:
    """A set for detection: noise of 64 x 64 pixels, a box on each image.

    Args:
        root: folder for ``split/*.png`` and ``split.json``, as COCO has it.
        split: name of this part.
        count: number of images.
        rng: draws pixels, places and the ten classes.
    """
    import cv2

    root = Path(root)
    (root / split).mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        name = f'{number}.png'
        cv2.imwrite(str(root / split / name), pixels)
        images.append(dict(id=number, file_name=name, width=64, height=64))
        x, y = (int(v) for v in rng.integers(0, 30, 2))
        annotations.append(
            dict(
                id=number + 1,
                image_id=number,
                category_id=int(rng.integers(10)),
                bbox=[x, y, 30, 30],
                area=900,
                iscrowd=0,
            )
        )
    content = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=i, name=str(i)) for i in range(10)],
    )
    (root / f'{split}.json').write_text(json.dumps(content))
