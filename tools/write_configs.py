"""Write the leaf configs of the table, their catalogue and index files."""

import argparse


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    # Here: the library of tables imports torch, which --help does not need.
    from cds_mm.config.leaf_names import leaf_files
    from cds_mm.experiments.written import index_texts, leaf_texts

    for path, text in leaf_texts().items():
        path.write_text(text)
    leaf_files.cache_clear()  # new ones are there now
    for path, text in index_texts().items():
        path.write_text(text)


if __name__ == '__main__':
    main()
