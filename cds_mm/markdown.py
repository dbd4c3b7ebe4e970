"""Tables in Markdown."""

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


def _line(cells):
    return f'| {" | ".join(map(str, cells))} |'
