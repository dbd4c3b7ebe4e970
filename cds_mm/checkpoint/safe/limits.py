"""How much a file may ask for, and the errors for those that ask more."""

# A training checkpoint of a large network has some 200,000 instructions; a
# million take a few seconds.
MAX_INSTRUCTIONS = 1_000_000
# Of a file of data, which may describe every image of a large data set.
MAX_DATA_INSTRUCTIONS = 100_000_000
MAX_PARTS = 50_000  # of an archive
MAX_DEPTH = 100
# Of what is no tensor.  Log buffers of a very long run take some 100 MB.
MAX_PLAIN_BYTES = 1 << 30
# Views of one tensor, or a tensor that was expanded, are more than the file.
_HONEST_FACTOR = 8
_HONEST_MINIMUM = 64 << 20  # bytes


class Refused(Exception):
    """A file is no checkpoint, or a damaged one.

    Args:
        reason: what is wrong, to follow the name of the file.
        fix: what to do.
    """

    def __init__(self, reason: str, fix: str = 'copy or download it again'):
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


class RunsCode(Refused):
    """A file names what is no part of a checkpoint.

    Args:
        name: of a function or class, as the file has it.
    """

    def __init__(self, name: str):
        self.name = printable(name)
        super().__init__(f'would run {self.name}')


class Allowance:
    """The memory that a file may take, by its size.

    Args:
        size: of the file, bytes.
    """

    def __init__(self, size: int):
        self.limit = _HONEST_FACTOR * size + _HONEST_MINIMUM
        self._left = self.limit

    def take(self, count: int) -> None:
        """Count what is about to be made.

        Args:
            count: bytes.

        Raises:
            Refused: it is more than a file of that size holds.
        """
        self._left -= count
        if self._left < 0:
            raise Refused(
                'asks for more memory than a file of its size can hold (over '
                f'{self.limit >> 20} MB)',
                'do not use it',
            )


def printable(text: object) -> str:
    """A text from a file, short and safe for a terminal."""
    shown = ascii(str(text)[:80])[1:-1]
    return shown + ('...' if len(str(text)) > 80 else '')
