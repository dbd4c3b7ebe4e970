"""The start: ``cds_mm.registration`` beside ``mmpretrain.models``."""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.pairs import Comparison, alternate
from benchmarks.references import __path__ as references
from cds_mm.paths import TOOLS

REFERENCE = (str(Path(references[0]) / 'startup.py'),)
IMPORT = ('-c', 'import cds_mm.registration')
HELP = (str(TOOLS / 'train.py'), '--help')
BEYOND = """
import runpy, sys, time
runpy.run_path(sys.argv[1])
begun = time.perf_counter()
import cds_mm.registration
print(time.perf_counter() - begun)
"""
TARGET = 0.3  # seconds beyond the reference


class Start(NamedTuple):
    """Seconds of a process from its start to its end."""

    wall: float
    user: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """No more than what every part has."""


def compare(args: argparse.Namespace) -> list[Comparison]:
    """Start fresh processes in turns.

    Both the time that a user waits and that of the processor, which depends
    less on what else the machine does.  Least noise has what the import of
    ``cds_mm`` takes in the process that has imported the host already.

    Raises:
        subprocess.CalledProcessError: one of the processes failed.
    """
    beyond = [_seconds_beyond() for _ in range(args.repeats)]
    met = 'met' if median(beyond) <= TARGET else 'missed'
    ours = _compare('import cds_mm.registration', IMPORT, args.repeats)
    ours[0].notes['after the reference, in its process'] = (
        f'{_range(beyond)}; at most {TARGET} s wanted: {met}'
    )
    return ours + _compare('tools/train.py --help', HELP, args.repeats)


def start(argv: tuple[str, ...]) -> Start:
    """Run Python with these arguments to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    begun = time.perf_counter()
    _python(argv)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    return Start(wall, after - before)


def _compare(what, argv, repeats):
    turns = alternate(lambda: start(argv), lambda: start(REFERENCE), repeats)
    rows = []
    for kind in Start._fields:
        ours, reference = (
            [getattr(seen, kind) for seen in side] for side in turns
        )
        differences = [a - b for a, b in zip(ours, reference, strict=True)]
        notes = {'beyond the reference': _range(differences)}
        row = Comparison(f'{what}, {kind}', 's', ours, reference, notes=notes)
        rows.append(row)
    return rows


def _seconds_beyond():
    # The host prints a line of its own while it is imported.
    return float(_python(('-c', BEYOND, *REFERENCE)).splitlines()[-1])


def _python(argv):
    command = [sys.executable, *argv]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def _range(seconds):
    least, most = min(seconds), max(seconds)
    return f'{median(seconds):.2f} s ({least:.2f} to {most:.2f})'
