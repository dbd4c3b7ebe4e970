"""Tests in other environments, and the checks of the wheel.

    nox -s lowest       # one environment of cds_mm/doctor/tested.csv
    nox -s wheel        # build the wheel, check it, install it, run it

Each session builds an environment (6 GB) and removes it when it ends; with
``-r`` it is kept and used again.  Interpreters are looked up as
``python3.10``; ``--force-python PATH`` takes another one.
"""

import contextlib
import csv
import shutil
from pathlib import Path

import nox

HERE = Path(__file__).parent
with (HERE / 'cds_mm' / 'doctor' / 'tested.csv').open(newline='') as file:
    LEGS = {row['session']: row for row in csv.DictReader(file)}
PROJECT = nox.project.load_toml(HERE / 'pyproject.toml')['project']
TESTS = PROJECT['optional-dependencies']['test']
# The original line has these import names under other names of packages.
WITHOUT_HOSTS = [
    name for name in PROJECT['dependencies'] if not name.startswith('onedl-')
]
# The oldest torch of a Python that the oldest of all has no wheel for.
FIRST_TORCH = {'3.14': '2.9.0'}
# Something of each floor, in 3 to 5 minutes on two idle cores.
FAST = [
    'tests/test_compat.py',
    'tests/test_environment.py',
    'tests/test_doctor.py',
    'tests/test_layers.py',
    'tests/test_package.py',
    'tests/losses',
    'tests/ops/test_nms.py',
    'tests/ops/test_roi_align.py',
    'tests/ops/test_deform_conv.py',
    'tests/ops/test_ops_detectors.py',
    'tests/ops/test_ops_install.py',
    'tests/checkpoint/test_check_file.py',
    'tests/checkpoint/test_convert.py',
    'tests/checkpoint/test_fingerprint.py',
    'tests/checkpoint/test_host_loader.py',
    'tests/checkpoint/test_reading.py',
    'tests/engine/test_amp.py',
    'tests/supervision/test_cds.py',
    'tests/tools/test_detection_runs.py',
    *(
        f'tests/tools/test_train_and_test.py::test_{name}'
        for name in (
            'the_config_that_is_recorded_is_the_one_that_ran',
            'testing_writes_the_metrics',
            'resume_from_a_file_and_in_a_moved_folder',
            'a_port_that_is_taken',
        )
    ),
]

nox.options.default_venv_backend = 'venv'
# Else a session without its Python would count as passed.
nox.options.error_on_missing_interpreters = True
# Without -s: nothing, since each takes gigabytes.
nox.options.sessions = []


@contextlib.contextmanager
def removed_afterwards(session):
    """Leave no environment behind, whether the session passes or fails."""
    try:
        yield
    finally:
        if not session.virtualenv.reuse_existing:
            shutil.rmtree(session.virtualenv.location, ignore_errors=True)


def pair(torch):
    """The requirements of a torch and of the torchvision made for it."""
    major, minor, _ = torch.split('.')
    assert major == '2'  # torchvision 0.15 came with torch 2.0
    return [f'torch=={torch}', f'torchvision==0.{int(minor) + 15}.*']


def fast_tests(session):
    session.run('python', '-m', 'cds_mm.doctor')
    session.run(
        'python',
        '-m',
        'pytest',
        *('-n', '2', '--dist', 'loadfile', '--no-loadscope-reorder'),
        *('-m', 'not slow', '-q'),
        *(session.posargs or FAST),
        env={'OMP_NUM_THREADS': '1'},
    )


@nox.session(python=LEGS['lowest']['python'])
def lowest(session):
    """The oldest torch that is supported."""
    with removed_afterwards(session):
        version = session.run(
            'python',
            '-c',
            'import sys; print("%d.%d" % sys.version_info[:2])',
            silent=True,
        ).strip()
        torch = FIRST_TORCH.get(version, LEGS['lowest']['torch'])
        session.install(*pair(torch), '-e', '.[test]')
        fast_tests(session)


@nox.session(python=LEGS['pinned']['python'])
def pinned(session):
    """The torch that the hosts pin."""
    with removed_afterwards(session):
        session.install(*pair(LEGS['pinned']['torch']), '-e', '.[test]')
        fast_tests(session)


@nox.session(python=LEGS['compiled']['python'])
def compiled(session):
    """MMCV with its own operations, built from source."""
    with removed_afterwards(session):
        session.install(*pair(LEGS['compiled']['torch']), '-e', '.[test]')
        # What a build without isolation needs.
        session.install('ninja', 'psutil', 'setuptools<82', 'wheel')
        session.install(
            *('--no-build-isolation', '--no-deps', '--force-reinstall'),
            *('--no-cache-dir', '--no-binary', 'onedl-mmcv', 'onedl-mmcv'),
            env={'MMCV_WITH_OPS': '1', 'MAX_JOBS': '2'},
        )
        session.run('python', '-c', 'import mmcv._ext')
        fast_tests(session)


@nox.session(python=LEGS['newest']['python'])
def newest(session):
    """The newest of everything."""
    with removed_afterwards(session):
        session.install('--upgrade', '-e', '.[test]')
        fast_tests(session)


@nox.session(python=LEGS['original']['python'])
def original(session):
    """The original OpenMMLab packages in the place of the onedl-* ones."""
    leg = LEGS['original']
    with removed_afterwards(session):
        session.install(
            *pair(leg['torch']),
            f'mmengine=={leg["mmengine"]}',
            f'mmcv-lite=={leg["mmcv"]}',
            f'mmdet=={leg["mmdet"]}',
            f'mmpretrain=={leg["mmpretrain"]}',
            'setuptools<82',
            *WITHOUT_HOSTS,
            *TESTS,
        )
        session.install('--no-deps', '-e', '.')
        fast_tests(session)


@nox.session(python=LEGS['pinned']['python'])
def wheel(session):
    """Build, check, install and run the wheel, away from this folder."""
    with removed_afterwards(session):
        session.install('build', 'twine')
        made = Path(session.create_tmp()).resolve() / 'dist'
        shutil.rmtree(made, ignore_errors=True)
        session.run('python', '-m', 'build', '--outdir', str(made), '.')
        files = sorted(str(path) for path in made.iterdir())
        session.run('python', '-m', 'twine', 'check', '--strict', *files)
        (built,) = made.glob('*.whl')
        session.install(*pair(LEGS['pinned']['torch']), str(built))
        session.cd(made)
        session.run('python', '-m', 'cds_mm.doctor')
        script = HERE / 'tests' / 'wheel_run.py'
        session.run('python', str(script), env={'OMP_NUM_THREADS': '1'})
