"""Checks of what is installed: missing, mixed, and not fitting."""

import re
from collections.abc import Iterator

from cds_mm.doctor.facts import Facts, installed
from cds_mm.doctor.finding import BROKEN, NOTE, OK, WARNING, Finding
from cds_mm.environment import (
    HOSTS,
    PACKAGES,
    install_command,
    unfit_version,
)

TORCH_PAIR = 'pip install --force-reinstall torch torchvision (both at once)'


def check_packages(facts: Facts) -> Iterator[Finding]:
    """Packages that are missing, and packages that cannot be imported."""
    missing = [name for name in PACKAGES if _is_missing(facts, name)]
    for name in missing:
        text = f'{name} is not installed'
        yield Finding(BROKEN, 'packages', text, install_command(name))
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
    if lacking != package:
        return install_command(lacking)
    if package in ('torch', 'torchvision'):
        return TORCH_PAIR
    unfit = unfit_version(cause, lambda name: _wheel(facts, name))
    if unfit:
        return unfit.rpartition('; ')[2]
    wheel = _wheel(facts, package)
    return f'pip install --force-reinstall --no-deps {wheel}'


def _wheel(facts: Facts, name: str) -> str:
    """Distribution that is there, else the one to install."""
    return (installed(facts, name) or PACKAGES[name])[0]


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
    original = {
        wheel
        for name, wheels in found.items()
        for wheel in wheels
        if name not in twice and not wheel.startswith('onedl-')
    }
    onedl = {w for wheels in found.values() for w in wheels} - original
    if twice:
        return
    if original and onedl:
        yield Finding(
            WARNING,
            'OpenMMLab line',
            f'{", ".join(sorted(original))} beside '
            f'{", ".join(sorted(onedl))}: packages of two lines are not '
            'tested together',
            f'pip uninstall -y {" ".join(sorted(original))} && pip install '
            f'{" ".join(PACKAGES[name][0] for name in HOSTS)}',
        )
    else:
        line = 'original' if original else 'onedl-*'
        yield Finding(OK, 'OpenMMLab line', f'only {line} distributions')
    if original and _first_number(facts.distributions.get('numpy')) >= 2:
        yield Finding(
            NOTE,
            'OpenMMLab line',
            "the hue of MMPretrain's ColorJitter overflows on numpy 2; the "
            'configs of cds_mm use another class',
            "for configs with ColorJitter: pip install 'numpy<2'",
        )


def _first_number(version: str | None) -> int:
    first = (version or '').partition('.')[0]
    return int(first) if first.isdigit() else 0


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
