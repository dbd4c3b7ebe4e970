"""From facts to findings: pure functions, one for each known trap.

Here those of the machine and of what was compiled for it; those of the
packages are in ``packages.py``.
"""

from collections.abc import Callable, Iterator

from cds_mm.doctor.facts import PACKAGES, Facts
from cds_mm.doctor.finding import BROKEN, NOTE, OK, WARNING, Finding
from cds_mm.doctor.packages import (
    check_lines,
    check_opencv,
    check_packages,
    check_torchvision,
)


def check_ops(facts: Facts) -> Iterator[Finding]:
    """Which `mmcv._ext` the detectors use."""
    if facts.ops_state == 'compiled':
        yield Finding(OK, 'mmcv ops', f'compiled: {facts.ops_reason}')
    elif facts.ops_state == 'stand-in' and facts.ops_unusable:
        yield Finding(
            WARNING,
            'mmcv ops',
            f'stand-in: {facts.ops_reason}',
            f'{_compile()} (for this torch), or go on with the stand-ins',
        )
    elif facts.ops_state == 'stand-in':
        names = ', '.join(facts.ops_provided)
        yield Finding(
            NOTE,
            'mmcv ops',
            f'stand-in by torchvision: {facts.ops_reason}; provided: {names}',
            f'enough for most detectors; for other ops: {_compile()}',
        )
    elif not {'torch', 'mmcv'} & set(facts.import_errors):
        text = f'cannot be used: {facts.ops_reason}'
        fix = f'pip install --force-reinstall --no-deps {PACKAGES["mmcv"][0]}'
        yield Finding(BROKEN, 'mmcv ops', text, fix)


def _compile() -> str:
    # Not at the top: the package `cds_mm.ops` needs a torch that loads.
    from cds_mm.ops.missing import COMPILE

    return COMPILE


def check_gpu(facts: Facts) -> Iterator[Finding]:
    """No GPU is a note: everything here also runs on a CPU."""
    if 'torch' in facts.import_errors:
        return
    if facts.gpus:
        names = ', '.join(sorted(set(facts.gpus)))
        yield Finding(OK, 'GPU', f'{len(facts.gpus)} visible: {names}')
    elif facts.torch_cuda is None:
        text = 'this build of torch has no GPU support: runs use the CPU'
        fix = 'for a GPU, install a CUDA or ROCm build of torch + torchvision'
        yield Finding(NOTE, 'GPU', text, fix)
    else:
        text = f'torch is built for CUDA {facts.torch_cuda}, no GPU is visible'
        fix = 'for a GPU, see nvidia-smi and CUDA_VISIBLE_DEVICES'
        yield Finding(NOTE, 'GPU', text, fix)


def check_threads(facts: Facts) -> Iterator[Finding]:
    """More threads than cores, in this process or beside others.

    OpenMP threads meet at a barrier after each small piece of work and spin
    while they wait. One thread without a core then holds up all: a step of
    0.15 s took 3.1 s on 2 cores under a load of 3. So warn where one process
    alone starts more threads than it may use cores (which a container's
    quota brings about, since OpenMP counts the cores of the machine), and
    where it would take all cores though others use half of them already. A
    quiet machine with one process is fine with the default, hence a note.
    Distributed runs are safe: MMEngine sets 1 itself. It also turns off
    OpenCV's threads in a run, but not in tools that have no runner.
    """
    cores = max(1, facts.usable_cores)
    threads = _omp_threads(facts)
    fix = f'export OMP_NUM_THREADS={int(cores)} (1 for jobs side by side)'
    whose = 'OMP_NUM_THREADS' if facts.omp_num_threads else 'the default'
    if threads > cores:
        text = f'{whose} starts {threads} threads, for {cores:g} cores'
        yield Finding(WARNING, 'threads', text, fix)
    elif facts.omp_num_threads:
        text = f'OMP_NUM_THREADS={threads}, for {cores:g} cores'
        yield Finding(OK, 'threads', text)
    elif threads == 1:
        yield Finding(OK, 'threads', 'one core, one thread')
    elif facts.load >= cores / 2:
        text = (
            f'OMP_NUM_THREADS is unset, so each process takes all {threads} '
            f'cores, and others are at work (load {facts.load:.1f})'
        )
        yield Finding(WARNING, 'threads', text, 'export OMP_NUM_THREADS=1')
    else:
        text = (
            f'OMP_NUM_THREADS is unset, so each process takes all {threads} '
            'cores: fine for one, slow for several side by side'
        )
        yield Finding(NOTE, 'threads', text, fix)
    if facts.opencv_threads and facts.opencv_threads > cores:
        yield Finding(
            WARNING,
            'threads',
            f'OpenCV would start {facts.opencv_threads} threads, for '
            f'{cores:g} cores',
            'keep env_cfg.mp_cfg.opencv_num_threads=0 in the config',
        )


def _omp_threads(facts: Facts) -> int:
    # A list gives a number for each nesting level; the first counts.
    value = (facts.omp_num_threads or '').split(',')[0].strip()
    return int(value) if value.isdigit() else facts.visible_cores


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    check_packages,
    check_lines,
    check_torchvision,
    check_ops,
    check_gpu,
    check_threads,
    check_opencv,
)


def diagnose(facts: Facts) -> list[Finding]:
    """All findings about `facts`, in the order of `CHECKS`."""
    return [finding for check in CHECKS for finding in check(facts)]
