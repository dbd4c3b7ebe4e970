"""Two-view samples per second of one core, loader and colours.

The loader of the config that `tools/train.py` runs, without workers, beside
torchvision's recipe; after each pass over the images it is the other's turn.
Both have the calm malloc of a run on a CPU, which helps the reference too.
"""

import time
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS

from benchmarks.pairs import Comparison, alternate, positive
from benchmarks.references.data import cifar_views, imagenet_views, loader
from cds_mm.config import load_config, use_parity
from cds_mm.data.seeding import seed_fetches
from cds_mm.engine.malloc import calm_malloc
from cds_mm.errors import UserError
from cds_mm.paths import PROJECT

UNIT = 'samples/s'
ARRAYS = 1024  # of CIFAR's size


def add_options(parser) -> None:
    """The images, and how many."""
    parser.add_argument(
        '--imagenet',
        type=Path,
        default=Path('data/imagenet_sample'),
        help='folder of files named <class>_*.JPEG',
    )
    parser.add_argument(
        '--images', type=positive, default=256, help='files of each pass'
    )


def compare(args) -> list[Comparison]:
    """ImageNet files, on the device and all on the CPU; CIFAR arrays."""
    torch.set_num_threads(1)
    calm_malloc()
    init_default_scope('mmpretrain')
    return [*_imagenet(args), *_cifar(args)]


def _imagenet(args):
    files = sorted(args.imagenet.rglob('*.JPEG'))[: args.images]
    if not files:
        raise UserError(
            f'--imagenet {args.imagenet}: no files *.JPEG, as ImageNet names '
            'them, in it; name the folder that has them'
        )
    config = load_config(str(PROJECT / 'configs/cds_r50_in1k.py'))
    config.train_dataloader.dataset = dict(
        type='ClassFolder',
        data_root=str(args.imagenet),
        split='',
        class_from='prefix',
        indices=len(files),
        pipeline=config.train_dataloader.dataset.pipeline,
    )
    reference = _Pass(
        loader(files, [0] * len(files), imagenet_views(), 32), None
    )
    rows = [
        ('ImageNet, colours left to the device', True, False, 4),
        ('ImageNet, all on the CPU', True, True, 2),
        ('ImageNet, op by op (--parity)', False, True, None),
    ]
    for what, fast, whole, target in rows:
        ours = _ours(config, fast, whole)
        figures = alternate(ours, reference, args.repeats)
        yield Comparison(what, UNIT, *figures, target, more_is_better=True)


def _cifar(args):
    generator = np.random.default_rng()
    images = generator.integers(0, 256, (ARRAYS, 32, 32, 3), dtype=np.uint8)
    config = load_config(str(PROJECT / 'configs/cifar100/cds_r18_cifar100.py'))
    reference = _Pass(
        loader(list(images), [0] * len(images), cifar_views(), 128), None
    )
    for what, fast, target in (
        ('CIFAR, all on the CPU', True, 5),
        ('CIFAR, op by op (--parity)', False, None),
    ):
        ours = _ours(config, fast, True, images)
        figures = alternate(ours, reference, args.repeats)
        yield Comparison(what, UNIT, *figures, target, more_is_better=True)


def _ours(config, fast, whole, arrays=None):
    config = Config(config.to_dict())
    if not fast:
        use_parity(config)
    if arrays is not None:
        pipeline = config.train_dataloader.dataset.pipeline
        config.train_dataloader.dataset = dict(
            type='Arrays', arrays=arrays, pipeline=pipeline
        )
    settings = dict(
        config.train_dataloader,
        num_workers=0,
        pin_memory=False,
        persistent_workers=False,
    )
    batches = Runner.build_dataloader(settings, seed=0)
    seed_fetches(batches.dataset, seed=0, with_keys=True)
    preprocessor = MODELS.build(config.data_preprocessor) if whole else None
    return _Pass(batches, preprocessor)


class _Pass:
    """Samples per second of one pass over a loader."""

    def __init__(self, batches, preprocessor):
        self.batches = batches
        self.preprocessor = preprocessor

    def __call__(self) -> float:
        start = time.perf_counter()
        for batch in self.batches:
            if self.preprocessor is not None:
                self.preprocessor(batch, training=True)
        seconds = time.perf_counter() - start
        return len(self.batches.dataset) / seconds


@DATASETS.register_module()
class Arrays(BaseDataset):
    """Images in memory, held as MMPretrain holds those of CIFAR."""

    def __init__(self, arrays, **kwargs):
        self.arrays = arrays
        super().__init__(**kwargs)

    def load_data_list(self):
        return [dict(img=array, gt_label=0) for array in self.arrays]
