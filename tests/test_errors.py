"""What errors say in a line."""

import pytest

from cds_mm.errors import failed_source, first_line, message


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError('nothing was raised')


def raise_without_a_message():
    raise AssertionError


def wrap():
    try:
        raise_without_a_message()
    except AssertionError as error:
        raise ValueError from error


@pytest.mark.parametrize('text', ['a: b; c', '\n  a: b; c\nmore', 'a: b; c\n'])
def test_the_first_line_of_a_message(text):
    assert first_line(ValueError(text)) == 'a: b; c'


@pytest.mark.parametrize('function', [raise_without_a_message, wrap])
def test_without_a_message_it_is_the_source_line(function):
    error = raised(function)
    for text in (message(error), first_line(error), failed_source(error)):
        assert text == 'raise AssertionError'


def test_without_a_source_line_it_is_the_class():
    error = raised(lambda: exec('raise KeyError()'))
    assert first_line(error) == 'KeyError'
    assert first_line(ValueError(' \n')) == 'ValueError', 'never raised'


def test_the_message_keeps_its_lines():
    assert message(ValueError('a\nb\n')) == 'a\nb'
