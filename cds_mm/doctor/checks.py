"""From facts to findings: pure functions, one for each known trap."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cds_mm.doctor.facts import HOSTS, PACKAGES, Facts, installed

OK, NOTE, WARNING, BROKEN = 'ok', 'note', 'warning', 'broken'
LEVELS = (OK, NOTE, WARNING, BROKEN)

TORCH_PAIR = 'pip install --force-reinstall torch torchvision (both at once)'


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
    return name in facts.import_errors and not installed(facts, name)


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
    wheel = (installed(facts, package) or PACKAGES[package])[0]
    return f'pip install --force-reinstall --no-deps {wheel}'


def check_lines(facts: Facts) -> Iterator[Finding]:
    """The two lines of OpenMMLab, which own the same import names."""
    found = {name: installed(facts, name) for name in HOSTS}
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
    wheels = installed(facts, 'cv2')
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
