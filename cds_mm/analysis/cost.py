"""What a method costs: parameters, arithmetic, time and memory of a step."""

import multiprocessing
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.utils.flop_counter import FlopCounterMode

from cds_mm.config import (
    drop_pretrained,
    image_side,
    load_config,
    training_views,
    with_preprocessor,
)
from cds_mm.engine.malloc import calm_malloc
from cds_mm.errors import UserError
from cds_mm.hooks.fast_path import optimisations
from cds_mm.markdown import table_lines
from cds_mm.supervision import asking_for_labels
from cds_mm.teacher import build_teacher, teacher_config

# As CIFAR has: what is kept of every image of the training set, and drawn of
# it, takes time and memory too.
TRAINING_IMAGES = 50_000
MODEL = 'DeepSupervisedClassifier'


@dataclass
class Cost:
    """The figures of one config.

    Attributes:
        name: of the config.
        parameters: of what is deployed, backbone and head.
        extra_parameters: of what exists in training only, a teacher too.
        macs: multiply-adds of one image in inference.
        training_macs: of one image in the forward pass of a training step,
            all its views, branches, and teacher.
        seconds: of each measured training step.
        peak_mb: largest memory of a process that trains, resident MiB, or
            those that CUDA has allocated.
    """

    name: str
    parameters: int
    extra_parameters: int
    macs: float
    training_macs: float
    seconds: list[float] = field(default_factory=list)
    peak_mb: float = 0.0


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
        config = load_config(path)
        config.merge_from_dict(changes or {})
        self.name = Path(path).stem
        if config.model.type != MODEL:
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

    def cost(self) -> Cost:
        """Everything that needs no clock."""
        data = self.model.data_preprocessor(self.data, training=True)
        images = len(data['data_samples'])
        training = _macs(lambda: self.model.loss(**data)) / images
        self.model.eval()
        one = data['inputs'][:1]
        macs = _macs(lambda: self.model(one, mode='tensor'))
        self.model.train()
        parts = {
            name: sum(p.numel() for p in part.parameters())
            for name, part in self.model.named_children()
        }
        deployed = sum(parts.get(n, 0) for n in ('backbone', 'neck', 'head'))
        extra = sum(parts.values()) - deployed
        if self.model.teacher:
            whole = self.model.teacher.model.parameters()
            extra += sum(p.numel() for p in whole)
        return Cost(self.name, deployed, extra, macs, training)

    def _wait(self):
        if self.device == 'cuda':
            torch.cuda.synchronize()


def measure(paths: list[str], batch_size: int, repeats: int) -> list[Cost]:
    """Measure configs, taking turns step by step.

    Args:
        paths: leaf configs, of which the first is what others compare with.
        batch_size: images a step.
        repeats: measured steps of each, after one that warms up.
    """
    benches = [Bench(path, batch_size) for path in paths]
    costs = [bench.cost() for bench in benches]
    for bench in benches:
        bench.step()
    for _ in range(repeats):
        for bench, cost in zip(benches, costs, strict=True):
            cost.seconds.append(bench.step())
    del benches
    for path, cost in zip(paths, costs, strict=True):
        cost.peak_mb = _peak_mb(path, batch_size)
    return costs


def cost_table(costs: list[Cost], batch_size: int) -> str:
    """The figures in Markdown, with ratios to the first config.

    Args:
        costs: as measured.
        batch_size: with which.
    """
    base = costs[0]
    device = f'a CPU, {torch.get_num_threads()} threads'
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    lines = [
        f'{date.today()}, PyTorch {torch.__version__} on {device}; '
        f'{batch_size} images a step, of which {base.name} takes '
        f'{median(base.seconds):.2f} s (median of {len(base.seconds)}).',
        '',
        *table_lines(
            (
                'config',
                'parameters, M',
                'in training only, M',
                'GMAC an image',
                'GMAC an image in training',
                'step time',
                'spread',
                'memory, MiB',
            ),
            [_cells(cost, base) for cost in costs],
        ),
    ]
    return '\n'.join(lines)


def _cells(cost, base):
    ratios = [
        own / theirs
        for own, theirs in zip(cost.seconds, base.seconds, strict=True)
    ]
    return (
        cost.name,
        f'{cost.parameters / 1e6:.2f}',
        f'{cost.extra_parameters / 1e6:.2f}',
        f'{cost.macs / 1e9:.2f}',
        f'{cost.training_macs / 1e9:.2f} ({_times(cost, base)})',
        f'{median(ratios):.2f} x',
        f'{min(ratios):.2f} to {max(ratios):.2f}',
        f'{cost.peak_mb:.0f}',
    )


def _times(cost, base):
    return f'{cost.training_macs / base.training_macs:.2f} x'


def _macs(function) -> float:
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        function()
    return counter.get_total_flops() / 2


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
    return dict(
        inputs=list(images) if views > 1 else images[0],
        data_samples=samples,
    )


def _labels(config, count) -> torch.Tensor:
    # Labels matter where there is no classifier, too.
    classes = (config.model.get('head') or {}).get('num_classes', count)
    return torch.arange(count) % classes


def _peak_mb(path, batch_size) -> float:
    # A fresh process: the peak of this one is that of all configs.
    context = multiprocessing.get_context('spawn')
    with context.Pool(1) as pool:
        return pool.apply(_train_a_little, (path, batch_size))


def _train_a_little(path, batch_size):
    bench = Bench(path, batch_size)
    for _ in range(2):
        bench.step()
    if bench.device == 'cuda':
        return torch.cuda.max_memory_allocated() / 2**20
    return _resident_peak_mb()


def _resident_peak_mb() -> float:
    # Not getrusage: its peak is inherited from the process that began this.
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) / 2**10
    raise RuntimeError('no VmHWM in /proc/self/status')
