"""What the tests of command lines and runs share."""

import os
import signal
import tempfile

import pytest
from command_lines import CLASSES, Commands
from mmengine.registry import DefaultScope

# As a config does; before it, no host can be imported.
import cds_mm.registration  # noqa: F401
from cds_mm.run_warnings import forget_warnings
from cds_mm.testing import fresh_seed, write_class_folder

# What tests find out of their images is not to stay with the user.
_CACHE = tempfile.TemporaryDirectory(prefix='cds_mm_cache_')
os.environ['CDS_MM_CACHE'] = _CACHE.name

# A shell lets what it starts in the background ignore Ctrl-C, and all that the
# tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def scope_of_the_host():
    """A test's runner must not choose the registry of the next test."""
    before = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def no_warnings_of_others():
    """What a run has warned of is kept for the process."""
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
    root = tmp_path_factory.mktemp('images')
    seed = fresh_seed()
    for number, (split, count) in enumerate((('train', 8), ('test', 4))):
        sizes = dict.fromkeys(CLASSES, count)
        write_class_folder(root / split, sizes, side=32, seed=seed + number)
    return root
