"""The error for mistakes of a user, and the text of other errors."""

import traceback

__all__ = ['UserError']


class UserError(Exception):
    """Something that the person at the keyboard can fix.

    The message is one line: the thing, the cause, the fix.  Command lines
    print it after ``error:`` without a traceback and exit with 1.
    """


def message(error: BaseException) -> str:
    """Return the message of an error; an empty one is replaced.

    The hosts assert without a message: what they assert says enough.
    """
    return str(error).strip() or failed_source(error)


def first_line(error: BaseException) -> str:
    """Return the first line of :func:`message`."""
    return message(error).splitlines()[0]


def failed_source(error: BaseException) -> str:
    """Return the source line that failed first, or the error's class name."""
    while deeper := error.__cause__ or error.__context__:
        error = deeper
    frames = traceback.extract_tb(error.__traceback__)
    return (frames and frames[-1].line) or type(error).__name__
