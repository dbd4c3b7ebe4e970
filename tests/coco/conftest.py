"""What tests of detection data share."""

import pytest
from herds import write_herd


@pytest.fixture
def herd(tmp_path):
    """A folder with train/, val/ and their annotation files."""
    write_herd(tmp_path, 'train', seed=1)
    write_herd(tmp_path, 'val', count=3, seed=2)
    return tmp_path
