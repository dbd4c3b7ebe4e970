"""What a refused call says, for tests of messages."""

import pytest

from cds_mm.errors import UserError


def refusal(call, *args, **kwargs) -> str:
    """The line of the UserError that a call has to raise."""
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    said = str(caught.value)
    assert '\n' not in said
    return said


def refused_resume(run, *args, **kwargs) -> str:
    """The same of a resumed run, whose line says how to start instead."""
    said = refusal(run, *args, **kwargs)
    assert '--cfg-options load_from=' in said
    return said
