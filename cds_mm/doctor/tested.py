"""The environments that the tests were run in, from ``tested.csv``.

The README's table is written from it, ``noxfile.py`` builds them, and the
doctor compares an environment with them.  A row without a date was not run.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cds_mm.doctor.facts import Facts, installed
from cds_mm.doctor.finding import NOTE, OK, Finding
from cds_mm.environment import HOSTS
from cds_mm.markdown import table_lines, with_block

BEGIN = '<!-- tested: written by tools/write_configs.py -->'
END = '<!-- end of tested -->'
_FILE = Path(__file__).with_name('tested.csv')
_TITLE = 'tested range'


@dataclass(frozen=True)
class Leg:
    """One environment; each field is a column of the file."""

    session: str
    python: str
    torch: str
    torchvision: str
    line: str
    mmengine: str
    mmcv: str
    mmdet: str
    mmpretrain: str
    ops: str
    tests: str
    passed: str
    date: str


def all_legs() -> list[Leg]:
    """Every environment of the matrix, run or not."""
    with _FILE.open(newline='') as file:
        return [Leg(**row) for row in csv.DictReader(file)]


def run_legs() -> list[Leg]:
    """Those in which the tests have passed."""
    return [leg for leg in all_legs() if leg.date]


def legs_table() -> str:
    """The README's table, with its markers."""
    header = ['Python', 'torch', 'torchvision', 'OpenMMLab', *HOSTS]
    header += ["MMCV's operations", 'tests that passed', 'on', 'command']
    rows = [_cells(leg) for leg in run_legs()]
    return '\n'.join([BEGIN, '', *table_lines(header, rows), '', END])


def _cells(leg: Leg) -> list[str]:
    hosts = [getattr(leg, name) for name in HOSTS]
    tests = f'{leg.tests}, {leg.passed}' if leg.passed else leg.tests
    default = leg.session == 'default'
    command = 'make test' if default else f'nox -s {leg.session}'
    line = leg.line if leg.line == 'open-mmlab' else f'{leg.line}-*'
    return [
        leg.python,
        leg.torch,
        leg.torchvision,
        line,
        *hosts,
        leg.ops,
        tests,
        leg.date,
        f'`{command}`',
    ]


def with_tested(readme: str) -> str:
    """The README with the table in its place."""
    return with_block(readme, legs_table())


def check_tested(facts: Facts) -> Iterator[Finding]:
    """What is older or newer than every tested environment."""
    legs = run_legs()
    outside = [
        f'{name} {version} ({_words(known)})'
        for name, version, known in _compared(facts, legs)
        if not _minor(known[0]) <= _minor(version) <= _minor(known[-1])
    ]
    if outside:
        text = f'not tested: {", ".join(outside)}'
        fix = 'install versions in these ranges, or try it with make test'
        yield Finding(NOTE, _TITLE, text, fix)
    else:
        text = 'Python and all packages are in the range that was tested'
        yield Finding(OK, _TITLE, text)


def _compared(
    facts: Facts, legs: list[Leg]
) -> Iterator[tuple[str, str, list[str]]]:
    """Name, version, and tested versions from the lowest, of what is there."""
    versions = {'python': facts.python}
    for name in ('torch', 'torchvision', *HOSTS):
        for wheel in installed(facts, name)[:1]:
            versions[name] = facts.distributions[wheel]
    line = _line(facts)
    for name, version in versions.items():
        rows = [leg for leg in legs if name not in HOSTS or leg.line == line]
        known = sorted({getattr(leg, name) for leg in rows}, key=_minor)
        if known and _minor(version):
            yield name, version, known


def _line(facts: Facts) -> str:
    wheels = [wheel for name in HOSTS for wheel in installed(facts, name)]
    onedl = all(wheel.startswith('onedl-') for wheel in wheels)
    return 'onedl' if onedl else 'open-mmlab'


def _minor(version: str) -> tuple[int, ...]:
    """The first two numbers: fixes within a minor version are no other."""
    numbers = version.partition('+')[0].split('.')[:2]
    whole = all(number.isdigit() for number in numbers)
    return tuple(int(number) for number in numbers) if whole else ()


def _words(known: list[str]) -> str:
    if known[0] == known[-1]:
        return f'tested {known[0]}'
    return f'tested {known[0]} to {known[-1]}'
