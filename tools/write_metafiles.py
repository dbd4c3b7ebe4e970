"""Write configs/**/metafile.yml from the configs and what is measured."""

import argparse

from cds_mm.experiments.metafile import FOLDERS, metafile


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    for folder in FOLDERS:
        (folder / 'metafile.yml').write_text(metafile(folder))


if __name__ == '__main__':
    main()
