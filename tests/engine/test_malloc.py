"""Memory that is kept from step to step."""

import gc
import subprocess
import sys

import pytest

from cds_mm.engine import test as testing
from cds_mm.engine import train as training
from cds_mm.engine.malloc import calm_malloc

FAULTS = """
import resource
import torch
from cds_mm.engine.malloc import calm_malloc

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
before = faults()
assert calm_malloc()
faults()
print(before, faults())
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='glibc')
def test_memory_that_is_kept_is_not_faulted_in_again():
    words = [sys.executable, '-c', FAULTS]
    shown = subprocess.run(words, capture_output=True, check=True, text=True)
    before, after = map(int, shown.stdout.split())
    # Of 80,000 pages, or of 160 huge ones, all but a few.
    assert after < before / 2


def test_malloc_of_the_user_stays(monkeypatch):
    monkeypatch.setenv('MALLOC_TRIM_THRESHOLD_', '131072')
    assert not calm_malloc()


@pytest.mark.parametrize('run', [training.train, testing.test])
def test_a_run_spares_what_is_imported_the_search_for_garbage(run):
    class Stop(Exception):
        pass

    class Arguments:
        def __getattr__(self, name):
            raise Stop  # before anything is built

    gc.unfreeze()
    with pytest.raises(Stop):
        run(Arguments())
    assert gc.get_freeze_count() > 100_000
