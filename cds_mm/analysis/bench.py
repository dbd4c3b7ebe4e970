"""Training steps of a config on random data, to be measured."""

import tempfile
import time
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from cds_mm.config import (
    device_views,
    drop_pretrained,
    image_side,
    load_config,
    training_views,
    type_name,
    with_preprocessor,
)
from cds_mm.data.seeding import DRAW_KEY
from cds_mm.engine.malloc import calm_malloc
from cds_mm.errors import UserError
from cds_mm.hooks.fast_path import optimisations
from cds_mm.supervision import asking_for_labels
from cds_mm.teacher import build_teacher, teacher_config

# As CIFAR has: what is kept of every image of the training set, and drawn of
# it, takes time and memory too.
TRAINING_IMAGES = 50_000
MODEL = 'DeepSupervisedClassifier'


class Bench:
    """A model of a config as `tools/train.py` trains it, a random batch.

    Args:
        path: of the leaf config.
        batch_size: images, each of which has the config's views.
        changes: settings of the config, keys with dots.

    Attributes:
        on: what makes its steps fast, in words.

    Raises:
        UserError: the config's pipeline does not say how large an image is,
            or the model is of another class.
    """

    def __init__(
        self, path: str, batch_size: int, changes: dict | None = None
    ):
        config = load_config(path, changes)
        self.name = Path(path).stem
        if type_name(config.model) != MODEL:
            raise UserError(
                f'{self.name}: measures a {MODEL}, but its model is a '
                f'{config.model.type}; name another config'
            )
        calm_malloc()
        self.on = optimisations(config)
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        environment = config.get('env_cfg', {})
        torch.backends.cudnn.benchmark = environment.get(
            'cudnn_benchmark', False
        )
        torch.manual_seed(0)
        init_default_scope('mmpretrain')
        self.model = _built(config)
        self.model.to(self.device).train()
        self.optimizer = build_optim_wrapper(self.model, config.optim_wrapper)
        self.data = _random_batch(config, batch_size)
        for supervision in asking_for_labels(self.model):
            supervision.connect_data(_labels(config, TRAINING_IMAGES))

    def step(self) -> float:
        """Seconds of one training step."""
        self._wait()
        start = time.perf_counter()
        self.model.train_step(self.data, self.optimizer)
        self._wait()
        return time.perf_counter() - start

    def _wait(self):
        if self.device == 'cuda':
            torch.cuda.synchronize()


def _built(config):
    """The model with random weights, which change nothing of the cost."""
    model = config.model
    drop_pretrained(model)
    if not model.get('teacher'):
        return MODELS.build(with_preprocessor(config))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'teacher.pth'
        torch.save(
            build_teacher(teacher_config(model.teacher.config)).state_dict(),
            path,
        )
        model.teacher.checkpoint = str(path)
        return MODELS.build(with_preprocessor(config))


def _random_batch(config: Config, batch_size: int) -> dict:
    views, side = len(training_views(config)), image_side(config)
    if side is None:
        raise UserError(
            f'{config.filename}: its pipeline has no crop or size that says '
            'how large an image is; name a config that crops'
        )
    images = torch.randint(
        256, (views, batch_size, 3, side, side), dtype=torch.uint8
    )
    samples = [
        DataSample(metainfo={'sample_idx': index}).set_gt_label(label)
        for index, label in enumerate(_labels(config, batch_size).tolist())
    ]
    batch = dict(
        inputs=list(images) if views > 1 else images[0],
        data_samples=samples,
    )
    if device_views(config):  # as a run's loader gives it
        batch[DRAW_KEY] = torch.arange(batch_size)
    return batch


def _labels(config, count) -> torch.Tensor:
    # Labels matter where there is no classifier, too.
    classes = (config.model.get('head') or {}).get('num_classes', count)
    return torch.arange(count) % classes
