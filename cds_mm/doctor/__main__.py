"""The command: ``python -m cds_mm.doctor [--json]``."""

import argparse
import sys

import cds_mm.doctor
from cds_mm.doctor.checks import diagnose
from cds_mm.doctor.facts import gather
from cds_mm.doctor.finding import BROKEN, worst
from cds_mm.doctor.report import as_json, as_text


def main(args: list[str] | None = None) -> int:
    """Print the report; 1 if something is broken, else 0."""
    parser = argparse.ArgumentParser(
        prog='python -m cds_mm.doctor',
        description=cds_mm.doctor.__doc__.splitlines()[0],
    )
    parser.add_argument('--json', action='store_true', help='for programs')
    options = parser.parse_args(args)
    facts = gather()
    findings = diagnose(facts)
    show = as_json if options.json else as_text
    print(show(facts, findings))
    return int(worst(findings) == BROKEN)


if __name__ == '__main__':
    sys.exit(main())
