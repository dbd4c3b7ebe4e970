"""Every flag of the command lines says what it is for."""

import argparse
import runpy
import sys

import pytest
from command_lines import ROOT


class Seen(Exception):
    """Ends a command line once its parser is there."""


TOOLS = [
    'train',
    'test',
    'convert_backbone',
    'browse_views',
    'check_data',
    'cost_table',
    'demo',
    'ops_table',
    'run_row',
    'write_configs',
]


@pytest.mark.parametrize('tool', TOOLS)
def test_every_flag_has_a_help(tool, monkeypatch):
    def look(parser, *_):
        raise Seen([a.dest for a in parser._actions if not a.help])

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', look)
    monkeypatch.setattr(sys, 'argv', [tool])
    # The decorator of the tools would turn it into an exit code.
    monkeypatch.setattr('cds_mm.outcome.friendly_main', lambda main: main)
    with pytest.raises(Seen) as seen:
        runpy.run_path(str(ROOT / 'tools' / f'{tool}.py'), run_name='__main__')
    assert seen.value.args == ([],)
