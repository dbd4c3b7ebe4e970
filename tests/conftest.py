"""What the tests of command lines and runs share."""

import gc
import importlib
import os
import signal
import tempfile

import pytest
from command_lines import CLASSES, Commands

# What tests find out of their images is not to stay with the user.
_CACHE = tempfile.TemporaryDirectory(prefix='cds_mm_cache_')
os.environ['CDS_MM_CACHE'] = _CACHE.name

# A shell lets what it starts in the background ignore Ctrl-C, and all that the
# tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session):
    """Import the hosts, but not where xdist only hands out tests."""
    workers = session.config.getoption('numprocesses', None)
    if not workers or hasattr(session.config, 'workerinput'):
        # As a config does; before it, no host can be imported.
        importlib.import_module('cds_mm.registration')


def pytest_collection_modifyitems(items):
    """Begin with what takes long, so that no worker ends alone with it."""
    long = ('tools', 'engine')
    items.sort(key=lambda item: item.path.parent.name not in long)


def pytest_collection_finish():
    """Spare what is imported by now the search for garbage.

    The hosts search whenever a data set is built, and every process that is
    forked would copy what they look at.
    """
    gc.collect()
    gc.freeze()


def scopes_of_before():
    from mmengine.registry import DefaultScope

    before = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def scope_of_the_host():
    """A test's runner must not choose the registry of the next test."""
    yield from scopes_of_before()


@pytest.fixture(autouse=True, scope='module')
def scope_of_the_module():
    """Nor a fixture of a file that of the next file."""
    yield from scopes_of_before()


@pytest.fixture(autouse=True)
def no_warnings_of_others():
    """What a run has warned of is kept for the process."""
    from cds_mm.run_warnings import forget_warnings

    forget_warnings()
    yield
    forget_warnings()


@pytest.fixture(scope='session')
def command():
    """``command('train', CONFIG, ...)`` runs it and returns a Result."""
    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    """32 images to train on and 16 to test with, random, in four classes."""
    from cds_mm.testing import fresh_seed, write_class_folder

    root = tmp_path_factory.mktemp('images')
    seed = fresh_seed()
    for number, (split, count) in enumerate((('train', 8), ('test', 4))):
        sizes = dict.fromkeys(CLASSES, count)
        write_class_folder(root / split, sizes, side=32, seed=seed + number)
    return root
