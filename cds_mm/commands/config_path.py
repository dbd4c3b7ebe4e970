"""List the configs of this project, or print the path of one.

    %(prog)s cds_r50_folder

cds-mm and tools/*.py inherit a config by `_base_ = 'cds_mm::NAME.py'`; for
other launchers write the path that this prints after `_base_ =`.
"""

import argparse


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """A name, or none."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'name',
        nargs='?',
        help='bare name of a config, or its path in configs/; all are listed '
        'unless given',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Print one path, or every name."""
    args = parse_args(argv)
    from cds_mm.config.files import config_file
    from cds_mm.config.leaf_names import leaf_files
    from cds_mm.paths import CONFIGS

    if args.name is not None:
        own = args.name if '::' in args.name else f'cds_mm::{args.name}'
        print(config_file(own).resolve())
        return
    for path in leaf_files().values():
        print(f'cds_mm::{path.relative_to(CONFIGS).as_posix()}')
