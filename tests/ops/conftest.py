"""What the tests of the operations share."""

import pytest

from cds_mm import ops


@pytest.fixture
def standin_only():
    """Skip where a compiled `mmcv._ext` works: it has other limits."""
    state = ops.status().state
    if state != 'stand-in':
        pytest.skip(f'the operations in use are {state}')
