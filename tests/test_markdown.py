"""Tables in Markdown."""

from cds_mm.markdown import table_lines


def test_a_table():
    assert table_lines(('method', 'AP'), [('CDS', 0.5), ('', 12)]) == [
        '| method | AP |',
        '|---|---|',
        '| CDS | 0.5 |',
        '|  | 12 |',
    ]


def test_a_table_without_rows():
    assert table_lines(['a'], []) == ['| a |', '|---|']
