"""Warnings of a run are said when they arise, and again when it ends."""

import logging
from types import SimpleNamespace

import pytest

from cds_mm import run_warnings
from cds_mm.errors import UserError
from cds_mm.hooks import WarningSummaryHook
from cds_mm.outcome import friendly_main
from cds_mm.run_warnings import warn, warnings_so_far


def end_of_run(caplog):
    caplog.clear()
    runner = SimpleNamespace(logger=logging.getLogger('of a run'))
    WarningSummaryHook().after_run(runner)
    return [record.getMessage() for record in caplog.records]


def test_each_warning_comes_once_more(caplog):
    for text in ('the first', 'the second', 'the first'):
        warn(text)
    assert warnings_so_far() == ['the first', 'the second']
    (message,) = end_of_run(caplog)
    assert message == '2 warnings of this run:\n* the first\n* the second'


def test_the_next_run_begins_anew(caplog):
    warn('of the first run')
    assert len(end_of_run(caplog)) == 1
    assert end_of_run(caplog) == []


@pytest.fixture
def logged(monkeypatch):
    """What goes to the log, in the place of the log."""
    texts = []
    monkeypatch.setattr(
        run_warnings, 'print_log', lambda text, *_: texts.append(text)
    )
    return texts


@pytest.mark.parametrize('end', [None, UserError('x'), KeyboardInterrupt()])
def test_however_a_command_ends(end, logged):
    def command():
        warn('the only one')
        if end:
            raise end

    friendly_main(command)()
    again = '1 warning of this run:\n* the only one'
    assert logged == ['the only one', again]
    assert warnings_so_far() == []


def test_another_rank_keeps_quiet(logged, monkeypatch):
    monkeypatch.setenv('RANK', '1')
    friendly_main(lambda: warn('x'))()
    assert logged == [] and warnings_so_far() == []
