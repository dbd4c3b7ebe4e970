"""The one kind of error that a user can mend."""


class UserError(Exception):
    """Something that the person at the keyboard can mend.

    The message is one line: the thing, the cause, the mend.  Command lines
    print it after ``error:`` without a traceback and exit with 1.
    """
