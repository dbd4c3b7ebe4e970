"""What the package says of itself, in several files, is one thing."""

import ast
import datetime
import re

import pytest
import yaml
from command_lines import ROOT

import cds_mm
from cds_mm.doctor.tested import all_legs, legs_table, run_legs

try:
    import tomllib
except ModuleNotFoundError:  # of Python 3.10, where pytest brings this one
    import tomli as tomllib

PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
LEGS = {leg.session: leg for leg in all_legs()}
FLOORS = dict(
    re.fullmatch(r'([\w-]+)(?:>=([\d.]+))?', text).groups()
    for text in PROJECT['dependencies']
)


def minor(version):
    return tuple(map(int, version.split('.')[:2]))


def sessions():
    """Of noxfile.py, which is read, since nox need not be installed."""
    tree = ast.parse((ROOT / 'noxfile.py').read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
        if 'nox.session' in ast.unparse(node.decorator_list[0])
    }


def workflow(name):
    path = ROOT / '.github' / 'workflows' / f'{name}.yml'
    return yaml.safe_load(path.read_text())


def verbs(text):
    return set(re.findall(r'^make ([\w-]+)$', text, re.M))


def test_floors_are_those_of_the_lowest_environment():
    lowest = LEGS['lowest']
    assert PROJECT['requires-python'] == f'>={lowest.python}'
    for name in ('torch', 'torchvision'):
        assert minor(FLOORS[name]) == minor(getattr(lowest, name))
    for name in ('torch', 'torchvision', 'python'):
        versions = [minor(getattr(leg, name)) for leg in LEGS.values()]
        assert min(versions) == minor(getattr(lowest, name))


def test_nothing_else_has_a_floor():
    """One would shut out environments that nobody has found to fail."""
    assert {n for n, floor in FLOORS.items() if floor} == {
        'torch',
        'torchvision',
    }


def test_only_pythons_that_were_tested_are_claimed():
    claimed = re.findall(
        r'Python :: (3\.\d+)$', '\n'.join(PROJECT['classifiers']), re.M
    )
    assert {*claimed} == {leg.python for leg in run_legs()}


@pytest.mark.parametrize('leg', run_legs(), ids=lambda leg: leg.session)
def test_a_result_has_a_date_and_a_count(leg):
    assert datetime.date.fromisoformat(leg.date)
    if leg.session != 'default':
        assert re.fullmatch(r'\d+ tests', leg.passed)


def test_the_readme_has_the_table_and_the_floors():
    text = (ROOT / 'README.md').read_text()
    assert legs_table() in text
    floors = f'torch {FLOORS["torch"]} and torchvision {FLOORS["torchvision"]}'
    assert floors in ' '.join(text.split())
    # The command for the original line is that of its environment.
    leg = LEGS['original']
    for name in ('mmengine', 'mmdet', 'mmpretrain'):
        assert f'{name}=={getattr(leg, name)}' in text
    assert f'mmcv-lite=={leg.mmcv}' in text
    command = text.partition('pip install torch torchvision mmengine')[2]
    command = command.partition('\n\n')[0]
    for name in FLOORS:
        if not name.startswith(('onedl', 'torch')):
            assert name in command.split()


def test_every_environment_has_a_session():
    assert sessions() == {*LEGS} - {'default'} | {'wheel'}


def test_the_workflows_run_what_people_run():
    makefile = (ROOT / 'Makefile').read_text()
    asked = verbs((ROOT / '.ci' / 'run').read_text())
    asked |= {
        verb
        for step in workflow('tests')['jobs']['default']['steps']
        for verb in verbs(step.get('run', ''))
    }
    assert asked >= {'lint', 'test', 'test-lowest'}
    for verb in asked:
        assert re.search(rf'^{verb}:', makefile, re.M), verb
    job = workflow('environments')['jobs']['session']
    cells = job['strategy']['matrix']['include']
    assert {cell['session'] for cell in cells} == sessions()
    for cell in cells:
        if cell['session'] in LEGS:
            assert cell['python'] == LEGS[cell['session']].python


def test_extras():
    extras = PROJECT['optional-dependencies']
    (everything,) = extras['all']
    named = everything.removeprefix('cds_mm[').removesuffix(']').split(',')
    assert {*named} == {*extras} - {'all'}


def test_the_citation_is_of_this_version_and_paper():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert citation['version'] == cds_mm.__version__
    assert citation['license'] == PROJECT['license']
    (paper,) = citation['references']
    (preprint,) = paper['identifiers']
    number = preprint['value'].removeprefix('arXiv:')
    assert f'arxiv.org/abs/{number}' in (ROOT / 'README.md').read_text()
    notice = (ROOT / 'NOTICE').read_text()
    for author in paper['authors']:
        name = f'{author["given-names"][0]}. {author["family-names"]}'
        assert name in notice


def test_files_that_the_policy_names_exist():
    text = (ROOT / 'SECURITY.md').read_text()
    for path in re.findall(r'`((?:tests|tools)/[\w/.]+)', text):
        assert (ROOT / path).is_file(), path
