"""Checks of what is installed: missing, mixed, and not fitting."""

import re
from collections.abc import Iterator

from cds_mm.doctor.facts import HOSTS, PACKAGES, Facts, installed
from cds_mm.doctor.finding import BROKEN, OK, WARNING, Finding

TORCH_PAIR = 'pip install --force-reinstall torch torchvision (both at once)'


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
            'pkg_resources (setuptools<82); hue of ColorJitter overflows on '
            'numpy 2',
            f'pip uninstall -y {" ".join(original)} && pip install '
            f'{" ".join(PACKAGES[name][0] for name in HOSTS)}',
        )
    if not twice and not original:
        yield Finding(OK, 'OpenMMLab line', 'only onedl-* distributions')


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


def _satisfies(version: str | None, requirement: str | None) -> bool:
    if not version or not requirement:
        return True
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return True
    specifier = Requirement(requirement).specifier
    return specifier.contains(version, prereleases=True)
