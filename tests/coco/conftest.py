"""What tests of detection data share."""

import pytest
from herds import write_herd

from cds_mm.run_warnings import forget_warnings


@pytest.fixture
def herd(tmp_path):
    """A folder with train/, val/ and their annotation files."""
    write_herd(tmp_path, 'train', seed=1)
    write_herd(tmp_path, 'val', count=3, seed=2)
    return tmp_path


@pytest.fixture(autouse=True)
def fresh_warnings():
    forget_warnings()
    yield
    forget_warnings()
