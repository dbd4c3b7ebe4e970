"""What is installed and what the machine is: gathered, never judged."""

import contextlib
import importlib
import importlib.metadata
import io
import os
import platform
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cds_mm.environment import PACKAGES
from cds_mm.errors import first_line

# Imported in this order: the first of several that fail for one cause is the
# one to fix. The last two register all models of the hosts, and so find what
# a bare `import mmdet`, which loads a version only, does not.
IMPORTS = (
    'numpy',
    'torch',
    'torchvision',
    'cv2',
    'pycocotools',
    'pycocotools.mask',
    'mmengine',
    'mmcv',
    'mmpretrain',
    'mmdet',
    'mmpretrain.models',
    'mmdet.models',
)
_ASKED_LATER = 'mmengine.utils.is_installed'


@dataclass
class Facts:
    """What the checks look at; `gather` fills it, tests make it up.

    Attributes:
        python: version.
        distributions: version of each installed distribution of `PACKAGES`.
        import_errors: one-line cause per module of `IMPORTS` that fails, and
            of what a run asks of MMEngine.
        torch_requirement: what torchvision's metadata demands of torch.
        torchvision_ops: whether its compiled operations are registered; None
            where torchvision cannot be imported.
        torch_cuda: CUDA version of the torch build, or None.
        gpus: names of the visible GPUs.
        ops_state, ops_reason, ops_provided, ops_unusable: see
            `cds_mm.ops.OpsStatus`; None where they could not be asked.
        omp_num_threads: the environment variable, or None.
        visible_cores: what OpenMP counts (the affinity mask).
        usable_cores: the same, or the quota of the container where less.
    """

    python: str = ''
    distributions: dict[str, str] = field(default_factory=dict)
    import_errors: dict[str, str] = field(default_factory=dict)
    torch_requirement: str | None = None
    torchvision_ops: bool | None = None
    torch_cuda: str | None = None
    gpus: list[str] = field(default_factory=list)
    ops_state: str | None = None
    ops_reason: str = ''
    ops_provided: list[str] = field(default_factory=list)
    ops_unusable: bool = False
    omp_num_threads: str | None = None
    visible_cores: int = 1
    usable_cores: float = 1


def installed(facts: Facts, name: str) -> tuple[str, ...]:
    return tuple(d for d in PACKAGES[name] if d in facts.distributions)


def gather() -> Facts:
    """Look at this Python, its packages and the machine; never raises.

    Imports everything that a run would, with whatever it prints swallowed;
    the stand-ins for MMCV's operations are put in on the way.
    """
    facts = Facts(
        python=platform.python_version(),
        distributions=_distributions(),
        torch_requirement=_requirement_of('torchvision', 'torch'),
        omp_num_threads=os.environ.get('OMP_NUM_THREADS') or None,
        visible_cores=_visible_cores(),
    )
    facts.usable_cores = min(facts.visible_cores, _quota())
    with _silence():
        for name in IMPORTS:
            if name == 'mmpretrain.models':
                _ask_ops(facts)
            _try(facts, name, importlib.import_module)
            if name == 'mmengine' and name not in facts.import_errors:
                _try(facts, _ASKED_LATER, _ask_later)
        for ask in (_ask_torch, _ask_torchvision):
            with contextlib.suppress(Exception):
                ask(facts)
    return facts


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    sink = io.StringIO()
    with (
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter('ignore')
        yield


def _distributions() -> dict[str, str]:
    versions = {}
    for wheel in (w for wheels in PACKAGES.values() for w in wheels):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[wheel] = importlib.metadata.version(wheel)
    return versions


def _requirement_of(wheel: str, other: str) -> str | None:
    try:
        requirements = importlib.metadata.requires(wheel) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    named = [r for r in requirements if re.match(rf'{other}\b(?!-)', r)]
    return named[0].partition(';')[0].strip() if named else None


def _try(facts: Facts, name: str, attempt: Callable[[str], object]) -> None:
    try:
        attempt(name)
    except BaseException as error:
        # Also SystemExit, which a few packages raise when they are imported.
        if isinstance(error, KeyboardInterrupt):
            raise
        cause = f'{type(error).__name__}: {first_line(error)}'
        facts.import_errors[name] = cause


def _ask_later(_: str) -> None:
    """What a run needs that an import of MMEngine does not.

    The original one imports `pkg_resources` when it is asked.
    """
    from mmengine.utils import is_installed

    is_installed('mmengine')


def _ask_ops(facts: Facts) -> None:
    try:
        from cds_mm import ops

        found = ops.install()
    except Exception as error:
        facts.ops_reason = f'{type(error).__name__}: {first_line(error)}'
        return
    facts.ops_state = found.state
    facts.ops_reason = found.reason
    facts.ops_provided = list(found.provided)
    facts.ops_unusable = found.unusable


def _ask_torch(facts: Facts) -> None:
    import torch

    facts.torch_cuda = torch.version.cuda or torch.version.hip
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    facts.gpus = [torch.cuda.get_device_name(i) for i in range(count)]


def _ask_torchvision(facts: Facts) -> None:
    import torch
    import torchvision  # noqa: F401

    facts.torchvision_ops = hasattr(torch.ops.torchvision, 'nms')


def _visible_cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(root: str = '/sys/fs/cgroup') -> float:
    """Cores that the container may use; infinite without a limit."""
    with contextlib.suppress(OSError, ValueError):
        limit, period = (Path(root) / 'cpu.max').read_text().split()
        return float('inf') if limit == 'max' else int(limit) / int(period)
    with contextlib.suppress(OSError, ValueError):
        folder = Path(root) / 'cpu'
        quota = int((folder / 'cpu.cfs_quota_us').read_text())
        length = int((folder / 'cpu.cfs_period_us').read_text())
        return quota / length if quota > 0 else float('inf')
    return float('inf')
