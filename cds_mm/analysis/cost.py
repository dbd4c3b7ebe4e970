"""What a method costs: parameters, arithmetic, time and memory of a step."""

import multiprocessing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from cds_mm.analysis.bench import Bench
from cds_mm.markdown import table_lines
from cds_mm.modes import evaluation_mode


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


def measure(paths: list[str], batch_size: int, repeats: int) -> list[Cost]:
    """Measure configs, taking turns step by step.

    Args:
        paths: leaf configs, of which the first is what others compare with.
        batch_size: images a step.
        repeats: measured steps of each, after one that warms up.
    """
    benches = [Bench(path, batch_size) for path in paths]
    costs = [cost_of(bench) for bench in benches]
    for bench in benches:
        bench.step()
    for _ in range(repeats):
        for bench, cost in zip(benches, costs, strict=True):
            cost.seconds.append(bench.step())
    del benches
    for path, cost in zip(paths, costs, strict=True):
        cost.peak_mb = _peak_mb(path, batch_size)
    return costs


def cost_of(bench: Bench) -> Cost:
    """Everything that needs no clock."""
    model = bench.model
    data = model.data_preprocessor(bench.data, training=True)
    images = len(data['data_samples'])
    training = _macs(lambda: model.loss(**data)) / images
    one = data['inputs'][:1]
    with evaluation_mode(model):
        macs = _macs(lambda: model(one, mode='tensor'))
    parts = {
        name: sum(p.numel() for p in part.parameters())
        for name, part in model.named_children()
    }
    deployed = sum(parts.get(n, 0) for n in ('backbone', 'neck', 'head'))
    extra = sum(parts.values()) - deployed
    if model.teacher:
        whole = model.teacher.model.parameters()
        extra += sum(p.numel() for p in whole)
    return Cost(bench.name, deployed, extra, macs, training)


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
