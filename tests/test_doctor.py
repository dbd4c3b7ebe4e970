"""Every trap from made-up facts, and real runs in processes of their own."""

import copy
import re
import subprocess
import sys

import pytest

from cds_mm.doctor import Facts, as_text, checks, diagnose, packages, tested
from cds_mm.doctor import facts as facts_module
from cds_mm.doctor.facts import IMPORTS
from cds_mm.doctor.finding import BROKEN, NOTE, OK, WARNING
from cds_mm.doctor.tested import all_legs, check_tested
from cds_mm.environment import HOSTS, PACKAGES

GOOD = Facts(
    python='3.11.7',
    distributions={
        'torch': '2.14.1',
        'torchvision': '0.29.1',
        'onedl-mmengine': '0.10.12',
        'onedl-mmcv': '2.3.6',
        'onedl-mmdetection': '3.5.1',
        'onedl-mmpretrain': '1.3.6',
        'pycocotools': '2.0.11',
        'numpy': '2.2.6',
        'opencv-python': '4.12.0.88',
    },
    torch_requirement='torch (>=2.14.0)',
    torchvision_ops=True,
    torch_cuda='13.0',
    gpus=['H100', 'H100'],
    ops_state='compiled',
    ops_reason='nms and roi_align work on the CPU',
    omp_num_threads='4',
    visible_cores=8,
    usable_cores=8,
)


def facts(**changes):
    """Those of a machine without a fault, with `changes`."""
    made = copy.deepcopy(GOOD)
    for wheel, version in changes.pop('wheels', {}).items():
        made.distributions[wheel] = version
    for wheel in changes.pop('without', []):
        del made.distributions[wheel]
    for name, value in changes.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    return made


def only(check, **changes):
    """The one finding of a check, which is one line throughout."""
    (finding,) = check(facts(**changes))
    assert '\n' not in finding.text + finding.fix
    assert (finding.fix == '') == (finding.level == OK)
    return finding


def test_nothing_wrong():
    findings = diagnose(GOOD)
    assert {finding.level for finding in findings} == {OK}


@pytest.mark.parametrize('name', PACKAGES)
def test_a_missing_package(name):
    wheel = PACKAGES[name][0]
    finding = only(
        packages.check_packages,
        without=[wheel],
        # Those that need it fail too, and are not to blame.
        import_errors={
            name: f"ModuleNotFoundError: No module named '{name}'",
            'mmdet.models': f"ModuleNotFoundError: No module named '{name}'",
        },
    )
    assert finding.level == BROKEN
    assert name in finding.text
    assert finding.fix == f'pip install {wheel}'


def test_a_package_without_metadata_is_not_missing():
    finding = only(packages.check_packages, without=['opencv-python'])
    assert finding.level == OK


def test_one_cause_is_reported_once():
    cause = 'ImportError: libGL.so.1: cannot open shared object file'
    finding = only(
        packages.check_packages,
        import_errors=dict.fromkeys(('cv2', 'mmcv', 'mmdet'), cause),
    )
    assert finding.level == BROKEN
    assert finding.text == f'import of cv2, mmcv, mmdet fails: {cause}'
    assert finding.fix.endswith('--no-deps opencv-python')


def test_parts_of_a_failing_package_are_not_reported():
    finding = only(
        packages.check_packages,
        import_errors={
            'mmdet': 'AssertionError: MMCV==2.2.0 is used but incompatible',
            'mmdet.models': 'AssertionError: something that follows',
        },
    )
    assert 'MMCV==2.2.0' in finding.text
    assert 'follows' not in finding.text


@pytest.mark.parametrize(
    ('name', 'cause', 'fix'),
    [
        ('mmengine', "No module named 'pkg_resources'", 'setuptools<82'),
        ('mmdet.models', "No module named 'imaug.x'", 'pip install imaug'),
        ('mmdet.models', "No module named 'cv2'", 'opencv-python'),
        ('torchvision', 'operator torchvision::nms does not', 'both at once'),
        ('numpy', 'a bad file', '--force-reinstall --no-deps numpy'),
    ],
)
def test_the_fix_of_an_import_error(name, cause, fix):
    finding = only(
        packages.check_packages, import_errors={name: f'E: {cause}'}
    )
    assert finding.level == BROKEN
    assert fix in finding.fix


@pytest.mark.parametrize(
    ('wheel', 'name'),
    [
        ('mmengine', 'mmengine'),
        ('mmcv', 'mmcv'),
        ('mmcv-lite', 'mmcv'),
        ('mmdet', 'mmdet'),
        ('mmpretrain', 'mmpretrain'),
    ],
)
def test_both_lines_at_once(wheel, name):
    finding = only(packages.check_lines, wheels={wheel: '1.0'})
    assert finding.level == BROKEN
    both = f'{PACKAGES[name][0]} and {wheel} overwrite each other'
    assert both in finding.text
    assert f'uninstall -y {PACKAGES[name][0]} {wheel} ' in finding.fix


ORIGINAL = {
    'mmengine': '0.10.7',
    'mmcv-lite': '2.1.0',
    'mmdet': '3.3.0',
    'mmpretrain': '1.2.0',
}


def of_original_line(**wheels):
    """Changes of the facts to the original line, of these versions."""
    return dict(
        without=[PACKAGES[name][0] for name in HOSTS],
        wheels=ORIGINAL | wheels,
    )


def test_only_the_original_line():
    changes = of_original_line(numpy='1.26.4')
    finding = only(packages.check_lines, **changes)
    assert finding.level == OK
    assert finding.text == 'only original distributions'


def test_the_original_line_on_a_newer_numpy():
    good, numpy = packages.check_lines(facts(**of_original_line()))
    assert good.level == OK
    assert numpy.level == NOTE
    assert 'ColorJitter overflows' in numpy.text
    assert 'numpy<2' in numpy.fix


def test_one_package_of_the_other_line():
    finding = only(
        packages.check_lines,
        without=['onedl-mmdetection'],
        wheels={'mmdet': '3.3.0', 'numpy': '1.26.4'},
    )
    assert finding.level == WARNING
    assert finding.text.startswith('mmdet beside onedl-mmcv, onedl-mmengine')
    assert finding.fix.startswith('pip uninstall -y mmdet && pip install one')


def test_a_version_that_another_package_refuses():
    """The fix names what is installed, and is the first one."""
    text = (
        'MMCV==2.2.0 is used but incompatible. Please install '
        'mmcv>=2.0.0rc4, <2.2.0.'
    )
    found = diagnose(
        facts(
            **of_original_line(**{'mmcv-lite': '2.2.0'}),
            import_errors={
                'mmdet': f'AssertionError: {text}',
                'mmdet.models': f'AssertionError: {text}',
            },
        )
    )
    first = next(finding for finding in found if finding.fix)
    assert first.level == BROKEN
    assert text in first.text
    assert first.fix == "pip install 'mmcv-lite>=2.0.0rc4,<2.2.0'"


def test_what_a_run_asks_later():
    """The original MMEngine imports, but not what it needs."""
    finding = only(
        packages.check_packages,
        import_errors={
            'mmengine.utils.is_installed': 'ModuleNotFoundError: No module '
            "named 'pkg_resources'"
        },
    )
    assert finding.level == BROKEN
    assert 'pkg_resources' in finding.text
    assert finding.fix == "pip install 'setuptools<82'"


def test_every_tested_environment_is_in_the_range():
    for leg in tested.run_legs():
        wheels = dict(torch=leg.torch, torchvision=leg.torchvision)
        onedl = leg.line == 'onedl'
        names = {name: PACKAGES[name][0] for name in HOSTS}
        if not onedl:
            names = dict(zip(HOSTS, ORIGINAL, strict=True))
        wheels |= {names[name]: getattr(leg, name) for name in HOSTS}
        changes = dict(python=f'{leg.python}.9', wheels=wheels)
        if not onedl:
            changes['without'] = [PACKAGES[name][0] for name in HOSTS]
        finding = only(check_tested, **changes)
        assert finding.level == OK, (leg, finding.text)


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        (dict(python='3.9.18'), 'python 3.9.18 (tested 3.1'),
        (dict(python='3.99.0'), 'python 3.99.0 (tested 3.1'),
        (dict(wheels={'torch': '2.5.1+cu124'}), 'torch 2.5.1+cu124 (tested 2'),
        (dict(wheels={'torch': '2.99.0'}), 'torch 2.99.0 (tested 2.'),
        (dict(wheels={'onedl-mmcv': '2.2.0'}), 'mmcv 2.2.0 (tested 2.3.6)'),
    ],
)
def test_outside_of_the_tested_range(changes, text):
    finding = only(check_tested, **changes)
    assert finding.level == NOTE
    assert text in finding.text
    assert 'make test' in finding.fix


def test_versions_that_are_no_numbers_are_not_judged():
    finding = only(check_tested, wheels={'torch': 'unknown'})
    assert finding.level == OK
    assert only(check_tested, without=['torch']).level == OK


def test_numbers_of_versions_are_compared_as_numbers(monkeypatch):
    """2.10 is newer than 2.6."""
    monkeypatch.setattr(tested, 'run_legs', all_legs)
    versions = [leg.torch for leg in all_legs()]
    assert '2.6.0' in versions and '2.10.0' in versions
    assert only(check_tested, wheels={'torch': '2.10.0'}).level == OK


def test_ops_missing_is_a_note():
    finding = only(
        checks.check_ops,
        ops_state='stand-in',
        ops_reason='MMCV was installed without compiled operations',
        ops_provided=['nms', 'roi_align_forward'],
    )
    assert finding.level == NOTE
    assert 'nms, roi_align_forward' in finding.text
    assert '--no-build-isolation' in finding.fix


def test_ops_built_for_another_torch_are_a_warning():
    finding = only(
        checks.check_ops,
        ops_state='stand-in',
        ops_unusable=True,
        ops_reason='its nms fails: implementation for device cpu not found',
    )
    assert finding.level == WARNING
    assert 'device cpu not found' in finding.text
    assert '--no-cache-dir' in finding.fix


def test_ops_that_cannot_be_asked():
    changes = dict(ops_state=None, ops_reason='ImportError: no')
    assert only(checks.check_ops, **changes).level == BROKEN
    # Where torch does not load, that alone is the fault.
    changes['import_errors'] = {'torch': 'OSError: libcudart.so'}
    assert not list(checks.check_ops(facts(**changes)))


def test_torchvision_without_operations():
    finding = only(packages.check_torchvision, torchvision_ops=False)
    assert finding.level == BROKEN
    assert 'torch torchvision' in finding.fix


@pytest.mark.parametrize(
    ('requirement', 'torch', 'level'),
    [
        ('torch (==2.13.0)', '2.14.1', WARNING),
        ('torch>=2.14.0', '2.13.1', WARNING),
        ('torch (==2.14.1)', '2.14.1+cpu', OK),
        (None, '2.14.1', OK),
    ],
)
def test_torchvision_for_another_torch(requirement, torch, level):
    finding = only(
        packages.check_torchvision,
        torch_requirement=requirement,
        wheels={'torch': torch},
    )
    assert finding.level == level


def test_no_gpu_is_a_note():
    unseen = only(checks.check_gpu, gpus=[])
    assert unseen.level == NOTE
    assert 'CUDA 13.0' in unseen.text
    without = only(checks.check_gpu, gpus=[], torch_cuda=None)
    assert without.level == NOTE
    assert 'no GPU support' in without.text
    assert '2 visible: H100' in only(checks.check_gpu).text


@pytest.mark.parametrize(
    ('omp', 'visible', 'usable', 'level'),
    [
        ('8', 8, 8, OK),
        ('9', 8, 8, WARNING),
        ('64', 64, 2, WARNING),
        (None, 64, 2.5, WARNING),  # a quota that OpenMP does not see
        (None, 8, 8, OK),
        (None, 1, 1, OK),
        ('1', 1, 0.5, OK),
        ('4,2', 8, 8, OK),
        ('junk', 8, 8, OK),  # OpenMP ignores it: all 8
    ],
)
def test_threads(omp, visible, usable, level):
    finding = only(
        checks.check_threads,
        omp_num_threads=omp,
        visible_cores=visible,
        usable_cores=usable,
    )
    assert finding.level == level


@pytest.mark.parametrize(
    ('files', 'cores'),
    [
        ({'cpu.max': '150000 100000\n'}, 1.5),
        ({'cpu.max': 'max 100000\n'}, float('inf')),
        (
            {'cpu/cpu.cfs_quota_us': '-1', 'cpu/cpu.cfs_period_us': '100000'},
            float('inf'),
        ),
        (
            {
                'cpu/cpu.cfs_quota_us': '400000',
                'cpu/cpu.cfs_period_us': '100000',
            },
            4,
        ),
        ({}, float('inf')),
    ],
)
def test_quota(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert facts_module._quota(str(tmp_path)) == cores


def test_report_holds_every_finding():
    broken = facts(gpus=[], torchvision_ops=False, without=['numpy'])
    findings = diagnose(broken)
    text = as_text(broken, findings)
    for finding in findings:
        assert finding.text in text
        assert finding.fix in text
    assert '1 broken, 0 warning, 1 note' in text


def run(before='', env=None):
    """`python -m cds_mm.doctor`, in a process where `before` ran first."""
    code = f"""{before}
import runpy, sys
sys.argv = ['doctor']
runpy.run_module('cds_mm.doctor', run_name='__main__')
"""
    command = [sys.executable, '-c', code, 'cds_mm.doctor']
    if not before:
        command = [sys.executable, '-m', 'cds_mm.doctor']
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=env
    )


def test_a_real_run():
    done = run()
    lines = done.stdout.splitlines()
    levels = [line.split()[0] for line in lines if line]
    assert done.returncode == (BROKEN in levels), done.stdout
    assert done.stderr == ''
    assert lines[0].split()[0] == 'python'  # so nothing else was printed
    import torch

    version = torch.__version__.partition('+')[0]
    assert re.search(rf'^torch +{re.escape(version)}', done.stdout, re.M)
    assert 'packages: all are installed and can be imported' in done.stdout
    assert 'torchvision: its operations fit this torch' in done.stdout
    assert re.search('^mmcv ops +(compiled|stand-in)$', done.stdout, re.M)


def test_a_run_where_the_hosts_do_not_load():
    """One line each, no traceback, exit status 1."""
    done = run(
        before="""
import sys
for name in ('torch', 'numpy', 'mmcv', 'mmdet'):
    sys.modules[name] = None
"""
    )
    assert done.returncode == 1
    assert 'Traceback' not in done.stdout + done.stderr
    assert 'broken' in done.stdout
    numpy = [line for line in done.stdout.splitlines() if 'numpy,' in line]
    assert len(numpy) == 1
    assert numpy[0].startswith('broken   packages: import of numpy, cv2')


def test_every_package_is_imported():
    assert set(PACKAGES) <= set(IMPORTS)
