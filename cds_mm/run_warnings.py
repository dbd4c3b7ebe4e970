"""Warnings of a run, which are said again when it ends.

A warning in the middle of a long log is easily missed.  Code that has one
calls :func:`warn`; :class:`cds_mm.hooks.WarningSummaryHook` repeats them all
after a run, and a command line those that are left when it ends, in whatever
way (:func:`cds_mm.outcome.friendly_main`).
"""

import logging

from mmengine.logging import print_log

from cds_mm.launcher import is_first_rank

__all__ = [
    'forget_warnings',
    'repeat_warnings',
    'warn',
    'warnings_so_far',
]

_said: dict[str, None] = {}


def warn(text: str, logger: logging.Logger | str = 'current') -> None:
    """Say that something may be wrong: now, and once more at the end.

    Args:
        text: one line: the thing, the cause, what to do.
        logger: of the run; 'current' where no runner is at hand.
    """
    _said[text] = None
    # Before the ranks have met, the host's logger takes each for the first.
    if is_first_rank():
        print_log(text, logger, logging.WARNING)


def warnings_so_far() -> list[str]:
    """What has been said in this process, in its order."""
    return [*_said]


def forget_warnings() -> None:
    """Start empty, for another run in the same process."""
    _said.clear()


def repeat_warnings(logger: logging.Logger | str = 'current') -> None:
    """Log once more what was warned of, and forget it.

    Args:
        logger: of the run; 'current' where no runner is at hand.
    """
    said = warnings_so_far()
    forget_warnings()
    if said and is_first_rank():
        lines = '\n'.join(f'* {text}' for text in said)
        print_log(
            f'{len(said)} warning{"s" if said[1:] else ""} of this run:'
            f'\n{lines}',
            logger,
            logging.WARNING,
        )
