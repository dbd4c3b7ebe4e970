"""A training step of CDS: ResNet-18 on 32 pixels, ResNet-50 on 224."""

import argparse
import contextlib
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.pairs import Comparison, alternate, positive
from benchmarks.references.step import CDSNetwork, ReferenceStep
from cds_mm.analysis.bench import Bench
from cds_mm.engine.malloc import calm_malloc
from cds_mm.optim_wrapper import BFLOAT16, require_units
from cds_mm.paths import PROJECT

WITHOUT_HEADS = {'model.supervisions.cds': None}
BFLOAT16_STEP = {'optim_wrapper.type': BFLOAT16}
MATRIX = 2048  # rows and columns, for the bound
TURN = 1.0  # seconds, at least


@dataclass(frozen=True)
class Case:
    """A row.

    Attributes:
        config: of ours.
        network, side, num_classes: of the reference.
        batch: images, each with two views.
        target: the gain that was asked for.
    """

    config: str
    network: str
    side: int
    num_classes: int
    batch: int
    target: float

    def reference(self, batch: int) -> ReferenceStep:
        """A random network on a random batch that is normalised already."""
        network = CDSNetwork(self.network, self.num_classes, self.side == 32)
        images = torch.randn(2 * batch, 3, self.side, self.side)
        return ReferenceStep(
            network, images, torch.arange(batch) % self.num_classes
        )


CASES = {
    'r18': Case('cifar10/cds_r18_cifar10.py', 'r18', 32, 10, 64, 1.8),
    'r50': Case('cds_r50_in1k.py', 'r50', 224, 1000, 8, 2.2),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Which rows, and how many images."""
    parser.add_argument(
        '--cases',
        nargs='+',
        choices=CASES,
        default=list(CASES),
        help='networks',
    )
    parser.add_argument(
        '--batch', type=positive, help='images a step, instead of 64 and 8'
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='train ours in bfloat16',
    )


def compare(args: argparse.Namespace) -> list[Comparison]:
    """In turns between processes, since malloc is that of a process."""
    if args.amp:
        require_units('--amp', full='leave --amp out')
    rows = []
    for name in args.cases:
        batch = args.batch or CASES[name].batch
        rows += _compare(name, batch, args.repeats, args.amp)
    return rows


def measure(step: Callable[[], None]) -> float:
    """Seconds of a step, the median of as many as a turn takes."""
    seconds = []
    while sum(seconds) < TURN:
        _wait()
        begin = time.perf_counter()
        step()
        _wait()
        seconds.append(time.perf_counter() - begin)
    return median(seconds)


def _compare(name, batch, repeats, amp):
    case = CASES[name]
    what = f'{name}, {case.side} px, {batch} pairs'
    with _worker('ours', name, batch, amp) as ours:
        with _worker('reference', name, batch) as reference:
            step = Comparison(
                what, 's', *alternate(ours, reference, repeats), case.target
            )
        with _worker('calm reference', name, batch) as reference:
            calm = Comparison(
                f'{what}, the reference with calm malloc',
                's',
                *alternate(ours, reference, repeats),
            )
        with _worker('ours without heads', name, batch, amp) as without:
            heads = Comparison(
                'heads', 's', *alternate(without, ours, repeats)
            )
        step.notes = {
            'has on': ', '.join(ours.on) or 'nothing',
            'bound by the rate of matrix products is': _bound(ours.on),
            'heads and losses add': _share(heads),
        }
    return [step, calm]


def _share(heads):
    more = [f'{gain - 1:.0%}' for gain in sorted(heads.gains)]
    return (
        f'{heads.gain - 1:.0%} to two views of trunk and cross entropy '
        f'({more[0]} to {more[-1]})'
    )


def _bound(on):
    if not any('bfloat16' in word for word in on):
        return '1.00 x, float32 in both'
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    matrix = torch.randn(MATRIX, MATRIX, device=device)
    half = matrix.bfloat16()
    full_time, half_time = alternate(
        lambda: measure(lambda: matrix @ matrix),
        lambda: measure(lambda: half @ half),
        repeats=3,
    )
    return f'{median(full_time) / median(half_time):.2f} x, bfloat16'


def _wait():
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class _Turns:
    """Asks a process for a figure, which it takes when it is asked."""

    def __init__(self, connection):
        self.connection = connection
        self.on = connection.recv()

    def __call__(self) -> float:
        self.connection.send('step')
        return self.connection.recv()


@contextlib.contextmanager
def _worker(kind, name, batch, amp=False):
    # Not forked: it would have the threads and the memory of this one.
    context = multiprocessing.get_context('spawn')
    here, there = context.Pipe()
    arguments = (there, kind, name, batch, amp, torch.get_num_threads())
    process = context.Process(target=_serve, args=arguments, daemon=True)
    process.start()
    there.close()  # so that a death over there ends the wait here
    try:
        yield _Turns(here)
    finally:
        here.close()
        process.join()


def _serve(connection, kind, name, batch, amp, threads):
    torch.set_num_threads(threads)
    case, on = CASES[name], []
    if 'reference' in kind:
        if kind == 'calm reference':
            calm_malloc()
        step = case.reference(batch)
    else:
        changes = BFLOAT16_STEP if amp else {}
        if kind == 'ours without heads':
            changes = changes | WITHOUT_HEADS
        bench = Bench(str(PROJECT / 'configs' / case.config), batch, changes)
        step, on = bench.step, bench.on
    connection.send(on)
    with contextlib.suppress(EOFError):
        while connection.recv():
            connection.send(measure(step))
