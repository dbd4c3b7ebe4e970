"""Warnings of a run are said when they arise, and again when it ends."""

import logging
from types import SimpleNamespace

from cds_mm.hooks import WarningSummaryHook
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
