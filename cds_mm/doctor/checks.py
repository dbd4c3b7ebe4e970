"""From facts to findings: pure functions, one for each known trap.

Here those of the machine and of what was compiled for it; those of the
packages are in ``packages.py``.
"""

from collections.abc import Callable, Iterator

from cds_mm.doctor.facts import Facts
from cds_mm.doctor.finding import BROKEN, NOTE, OK, WARNING, Finding
from cds_mm.doctor.packages import (
    check_lines,
    check_packages,
    check_torchvision,
)
from cds_mm.doctor.tested import check_tested
from cds_mm.environment import PACKAGES


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
    from cds_mm.ops.not_provided import COMPILE

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
    """More threads than cores.

    OpenMP threads meet at a barrier after each small piece of work and spin
    while they wait, so one thread without a core holds up all.  A container's
    quota brings it about, since OpenMP counts the cores of the machine.
    Distributed runs are safe: MMEngine sets one thread itself.
    """
    cores = max(1, facts.usable_cores)
    threads = _omp_threads(facts)
    whose = 'OMP_NUM_THREADS' if facts.omp_num_threads else 'the default'
    text = f'{whose} starts {threads} in a process, for {cores:g} cores'
    if threads > cores:
        fix = f'export OMP_NUM_THREADS={int(cores)} (1 for jobs side by side)'
        yield Finding(WARNING, 'threads', text, fix)
    else:
        yield Finding(OK, 'threads', text)


def _omp_threads(facts: Facts) -> int:
    # A list gives a number for each nesting level; the first counts.
    value = (facts.omp_num_threads or '').split(',')[0].strip()
    return int(value) if value.isdigit() else facts.visible_cores


CHECKS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    check_packages,
    check_lines,
    check_tested,
    check_torchvision,
    check_ops,
    check_gpu,
    check_threads,
)


def diagnose(facts: Facts) -> list[Finding]:
    """All findings about `facts`, in the order of `CHECKS`."""
    return [finding for check in CHECKS for finding in check(facts)]
