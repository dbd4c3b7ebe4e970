"""Tables in Markdown, and their places in documents."""

from collections.abc import Iterable, Sequence


def table_lines(
    header: Sequence[object], rows: Iterable[Sequence[object]]
) -> list[str]:
    """Format a table as lines of Markdown.

    Args:
        header: title of each column.
        rows: cells of each row, formatted by ``str``.

    Returns:
        list[str]: header, separator, and one line for each row.
    """
    return [_line(header), '|---' * len(header) + '|', *map(_line, rows)]


def with_block(text: str, block: str) -> str:
    """A document with a new block in the place of the old one.

    Args:
        text: the document; without such a block it gets one at its end.
        block: its first and its last line are the marks between which the
            old one stands.
    """
    begin, *_, end = block.splitlines()
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else '\n'
    return f'{before}{block}{after}'


def _line(cells):
    return f'| {" | ".join(map(str, cells))} |'
