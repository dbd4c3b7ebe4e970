"""The command ``cds-mm``, and ``python -m cds_mm``."""

import sys

from cds_mm.commands.table import run_command


def main() -> int:
    """Run the command that the arguments name; returns the exit code."""
    return run_command(sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
