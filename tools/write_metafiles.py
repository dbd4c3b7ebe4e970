"""Write configs/**/metafile.yml from the configs and what is measured."""

import argparse


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    # Here: the library of tables imports torch, which --help does not need.
    from cds_mm.experiments.metafile import FOLDERS, metafile

    for folder in FOLDERS:
        (folder / 'metafile.yml').write_text(metafile(folder))


if __name__ == '__main__':
    main()
