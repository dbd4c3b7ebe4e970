"""The command: ``python -m cds_mm.doctor``."""

import argparse
import sys

import cds_mm.doctor
from cds_mm.doctor.checks import diagnose
from cds_mm.doctor.facts import gather
from cds_mm.doctor.finding import BROKEN
from cds_mm.doctor.report import as_text


def main(args: list[str] | None = None) -> int:
    """Print the report; 1 if something is broken, else 0."""
    argparse.ArgumentParser(
        prog='python -m cds_mm.doctor' if args is None else None,
        description=cds_mm.doctor.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(args)
    facts = gather()
    findings = diagnose(facts)
    print(as_text(facts, findings))
    return int(any(finding.level == BROKEN for finding in findings))


if __name__ == '__main__':
    sys.exit(main())
