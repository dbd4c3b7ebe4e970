"""Says what is installed, what is in use, and what is known to break.

    python -m cds_mm.doctor [--json]

Facts are gathered first (`gather`), with nothing raised; the checks are pure
functions from facts to findings.  Exits with 1 if something is broken.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import platform
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

OK, NOTE, WARNING, BROKEN = 'ok', 'note', 'warning', 'broken'
LEVELS = (OK, NOTE, WARNING, BROKEN)

# Import name -> distributions that bring it; the first is the one to install.
PACKAGES = {
    'torch': ('torch',),
    'torchvision': ('torchvision',),
    'mmengine': ('onedl-mmengine', 'mmengine', 'mmengine-lite'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite', 'mmcv-full'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
    'pycocotools': ('pycocotools',),
    'numpy': ('numpy',),
    'cv2': (
        'opencv-python',
        'opencv-python-headless',
        'opencv-contrib-python',
        'opencv-contrib-python-headless',
    ),
}
TORCH_PAIR = 'pip install --force-reinstall torch torchvision (both at once)'
HOSTS = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain')

# Imported in this order: the first of several that fail for one cause is the
# one to mend. The last two register all models of the hosts, and so find what
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


@dataclass
class Facts:
    """What the checks look at; `gather` fills it, tests make it up.

    Attributes:
        python: version.
        distributions: version of each installed distribution of `PACKAGES`.
        import_errors: one-line cause per module of `IMPORTS` that fails.
        torch_requirement: what torchvision's metadata demands of torch.
        torchvision_ops: whether its compiled operations are registered; None
            where torchvision cannot be imported.
        torch_cuda: CUDA version of the torch build, or None.
        gpus: names of the visible GPUs.
        ops_state, ops_reason, ops_provided, ops_unusable: see
            `cds_mm.ops.OpsStatus`; None where they could not be asked.
        omp_num_threads: the environment variable, or None.
        visible_cores: what OpenMP and OpenCV count (the affinity mask).
        usable_cores: the same, or the quota of the container where less.
        opencv_threads: what OpenCV would use.
        load: processes that wanted a core in the last minute, on average.
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
    opencv_threads: int | None = None
    load: float = 0.0


@dataclass
class Finding:
    """One line of the report.

    Attributes:
        level: 'ok', 'note', 'warning' or 'broken'.
        title: what was looked at.
        text: what was found.
        fix: what to do, in one line; empty where there is nothing to do.
    """

    level: str
    title: str
    text: str
    fix: str = ''


# Checks ---------------------------------------------------------------------


def check_packages(facts: Facts) -> Iterator[Finding]:
    """Packages that are missing, and packages that cannot be imported."""
    missing = [name for name in PACKAGES if _is_missing(facts, name)]
    for name in missing:
        text = f'{name} is not installed'
        fix = f'pip install {PACKAGES[name][0]}'
        yield Finding(BROKEN, 'packages', text, fix)
    # One fault, one line: a package that does not load takes along all that
    # import it, with the same cause or with their own parts.
    causes: dict[str, list[str]] = {}
    for name, cause in facts.import_errors.items():
        top = name.partition('.')[0]
        part = top != name and top in facts.import_errors
        if not part and _lacking(cause, top) not in missing:
            causes.setdefault(cause, []).append(name)
    for cause, names in causes.items():
        text = f'import of {", ".join(names)} fails: {cause}'
        fix = _import_fix(facts, names[0].partition('.')[0], cause)
        yield Finding(BROKEN, 'packages', text, fix)
    if not missing and not facts.import_errors:
        yield Finding(OK, 'packages', 'all are installed and can be imported')


def _is_missing(facts: Facts, name: str) -> bool:
    # Some builds bring no metadata: what can be imported is not missing.
    return name in facts.import_errors and not _installed(facts, name)


def _lacking(cause: str, default: str) -> str:
    """The package that an import error complains about."""
    named = re.search(r"No module named '(\w+)", cause)
    return named[1] if named else default


def _import_fix(facts: Facts, package: str, cause: str) -> str:
    lacking = _lacking(cause, package)
    if lacking == 'pkg_resources':
        return "pip install 'setuptools<82' (the last with pkg_resources)"
    if lacking != package:
        return f'pip install {PACKAGES.get(lacking, (lacking,))[0]}'
    if package in ('torch', 'torchvision'):
        return TORCH_PAIR
    wheel = (_installed(facts, package) or PACKAGES[package])[0]
    return f'pip install --force-reinstall --no-deps {wheel}'


def check_lines(facts: Facts) -> Iterator[Finding]:
    """The two lines of OpenMMLab, which own the same import names."""
    found = {name: _installed(facts, name) for name in HOSTS}
    twice = {name: wheels for name, wheels in found.items() if wheels[1:]}
    for name, wheels in twice.items():
        everything = ' '.join(wheels)
        yield Finding(
            BROKEN,
            'OpenMMLab line',
            f'{" and ".join(wheels)} overwrite each other in the folder '
            f'{name}',
            f'pip uninstall -y {everything} && pip install '
            f'{PACKAGES[name][0]} (uninstalling one alone removes files of '
            'the other)',
        )
    original = [
        wheel
        for name, wheels in found.items()
        for wheel in wheels
        if name not in twice and not wheel.startswith('onedl-')
    ]
    if original:
        yield Finding(
            WARNING,
            'OpenMMLab line',
            f'{", ".join(original)}: the original line is not tested. Known: '
            'mmdet 3.3.0 refuses mmcv 2.2.0; mmengine 0.10.7 needs '
            'pkg_resources (setuptools<82) and cannot resume a run on torch '
            '2.15; hue of ColorJitter overflows on numpy 2',
            f'pip uninstall -y {" ".join(original)} && pip install '
            f'{" ".join(PACKAGES[name][0] for name in HOSTS)}',
        )
    if not twice and not original:
        yield Finding(OK, 'OpenMMLab line', 'only onedl-* distributions')


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


def check_torchvision(facts: Facts) -> Iterator[Finding]:
    """A torchvision built for another torch has no operations."""
    torch = facts.distributions.get('torch')
    fits = _satisfies(torch, facts.torch_requirement)
    if facts.torchvision_ops is False:
        text = 'torchvision is there, but its compiled nms is not registered'
        yield Finding(BROKEN, 'torchvision', text, TORCH_PAIR)
    elif torch and not fits:
        text = f'it wants {facts.torch_requirement}, and torch is {torch}'
        yield Finding(WARNING, 'torchvision', text, TORCH_PAIR)
    elif facts.torchvision_ops:
        yield Finding(OK, 'torchvision', 'its operations fit this torch')


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


def check_opencv(facts: Facts) -> Iterator[Finding]:
    """Two wheels of OpenCV share the folder cv2; equal versions may."""
    wheels = _installed(facts, 'cv2')
    versions = {facts.distributions[wheel] for wheel in wheels}
    if len(versions) > 1:
        yield Finding(
            WARNING,
            'OpenCV',
            f'{" and ".join(wheels)} share the folder cv2 and differ in '
            f'version ({", ".join(sorted(versions))})',
            f'pip install --force-reinstall --no-deps '
            f'{wheels[0]}=={facts.distributions[wheels[0]]}',
        )
    elif len(wheels) > 1:
        text = f'{" and ".join(wheels)} share the folder cv2: harmless'
        yield Finding(OK, 'OpenCV', text)


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


def worst(findings: list[Finding]) -> str:
    """The highest level among `findings`; 'ok' if there are none."""
    levels = (finding.level for finding in findings)
    return max(levels, key=LEVELS.index, default=OK)


def _installed(facts: Facts, name: str) -> tuple[str, ...]:
    return tuple(d for d in PACKAGES[name] if d in facts.distributions)


def _satisfies(version: str | None, requirement: str | None) -> bool:
    if not version or not requirement:
        return True
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return True
    specifier = Requirement(requirement).specifier
    return specifier.contains(version, prereleases=True)


def _omp_threads(facts: Facts) -> int:
    # A list gives a number for each nesting level; the first counts.
    value = (facts.omp_num_threads or '').split(',')[0].strip()
    return int(value) if value.isdigit() else facts.visible_cores


# Facts ----------------------------------------------------------------------


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
        load=os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0.0,
    )
    facts.usable_cores = min(facts.visible_cores, _quota())
    with _silence():
        for name in IMPORTS:
            if name == 'mmpretrain.models':
                _ask_ops(facts)
            _try_import(facts, name)
        for ask in (_ask_torch, _ask_torchvision, _ask_opencv):
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


def _try_import(facts: Facts, name: str) -> None:
    try:
        importlib.import_module(name)
    except BaseException as error:
        # Also SystemExit, which a few packages raise when they are imported.
        if isinstance(error, KeyboardInterrupt):
            raise
        lines = str(error).strip().splitlines() or ['(no message)']
        facts.import_errors[name] = f'{type(error).__name__}: {lines[0]}'


def _ask_ops(facts: Facts) -> None:
    try:
        from cds_mm import ops

        found = ops.install()
    except Exception as error:
        facts.ops_reason = f'{type(error).__name__}: {error}'.splitlines()[0]
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


def _ask_opencv(facts: Facts) -> None:
    import cv2

    facts.opencv_threads = cv2.getNumThreads()


def _visible_cores() -> int:
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(root: str = '/sys/fs/cgroup') -> float:
    """Cores that the container may use; infinite without a limit."""
    with contextlib.suppress(OSError, ValueError):
        quota, period = (Path(root) / 'cpu.max').read_text().split()
        return float('inf') if quota == 'max' else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):
        folder = Path(root) / 'cpu'
        quota = int((folder / 'cpu.cfs_quota_us').read_text())
        period = int((folder / 'cpu.cfs_period_us').read_text())
        return quota / period if quota > 0 else float('inf')
    return float('inf')


# Report ---------------------------------------------------------------------


def versions(facts: Facts) -> dict[str, str]:
    """What the table shows, by name."""
    rows = {'python': facts.python}
    for name in PACKAGES:
        wheels = _installed(facts, name)
        found = [f'{facts.distributions[w]} ({w})' for w in wheels]
        lacks = name in facts.import_errors
        unknown = 'not installed' if lacks else 'unknown version'
        rows[name] = ', '.join(found) or unknown
    rows['CUDA of torch'] = facts.torch_cuda or 'none'
    rows['GPUs'] = ', '.join(facts.gpus) or 'none'
    cores, visible = facts.usable_cores, facts.visible_cores
    limit = f' of {visible} (quota)' if cores < visible else ''
    rows['cores'] = f'{cores:g}{limit}, load {facts.load:.1f}'
    rows['OMP_NUM_THREADS'] = facts.omp_num_threads or 'unset'
    rows['mmcv ops'] = facts.ops_state or 'unknown'
    return rows


def as_text(facts: Facts, findings: list[Finding]) -> str:
    """The report for people."""
    lines = [f'{name:<16} {value}' for name, value in versions(facts).items()]
    lines.append('')
    for finding in findings:
        lines.append(f'{finding.level:<8} {finding.title}: {finding.text}')
        if finding.fix:
            lines.append(f'{"":<8} -> {finding.fix}')
    counts = ', '.join(
        f'{sum(f.level == level for f in findings)} {level}'
        for level in reversed(LEVELS)
    )
    return '\n'.join([*lines, '', counts])


def as_json(facts: Facts, findings: list[Finding]) -> str:
    """The report for programs; keys: worst, versions, findings, facts."""
    report = {
        'worst': worst(findings),
        'versions': versions(facts),
        'findings': [asdict(finding) for finding in findings],
        'facts': asdict(facts),
    }
    return json.dumps(report, indent=2)


def main(args: list[str] | None = None) -> int:
    """Print the report; 1 if something is broken, else 0."""
    parser = argparse.ArgumentParser(
        prog='python -m cds_mm.doctor', description=__doc__.splitlines()[0]
    )
    parser.add_argument('--json', action='store_true', help='for programs')
    options = parser.parse_args(args)
    facts = gather()
    findings = diagnose(facts)
    show = as_json if options.json else as_text
    print(show(facts, findings))
    return int(worst(findings) == BROKEN)


if __name__ == '__main__':
    sys.exit(main())
