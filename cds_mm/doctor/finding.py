"""What the checks find, and how bad it is."""

from dataclasses import dataclass

OK, NOTE, WARNING, BROKEN = 'ok', 'note', 'warning', 'broken'
LEVELS = (OK, NOTE, WARNING, BROKEN)


@dataclass
class Finding:
    """One line of the report.

    Attributes:
        level: 'ok', 'note', 'warning' or 'broken'.
        title: what was looked at.
        text: what was found.
        fix: what to do, in one line; empty where there is nothing to do.
    """

    level: str
    title: str
    text: str
    fix: str = ''
