"""Warnings of a run, which are said again when it ends.

A warning in the middle of a long log is easily missed.  Code that has one
calls :func:`warn`; :class:`cds_mm.hooks.WarningSummaryHook` repeats them all.
"""

import logging

from mmengine.logging import print_log

__all__ = ['forget_warnings', 'warn', 'warnings_so_far']

_said: dict[str, None] = {}


def warn(text: str, logger: logging.Logger | str = 'current') -> None:
    """Say that something may be wrong: now, and once more at the end.

    Args:
        text: one line: the thing, the cause, what to do.
        logger: of the run; 'current' where no runner is at hand.
    """
    _said[text] = None
    print_log(text, logger, logging.WARNING)


def warnings_so_far() -> list[str]:
    """What has been said in this process, in its order."""
    return [*_said]


def forget_warnings() -> None:
    """Start empty, for another run in the same process."""
    _said.clear()
