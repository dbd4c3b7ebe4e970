"""Tests of tools/ import the modules that stand there."""

import sys

from command_lines import ROOT

# At the end: tools/test.py must not hide a module called test.
sys.path.append(str(ROOT / 'tools'))
