"""All files of the project that are written from the table of leaf configs."""

from pathlib import Path

from cds_mm.doctor.tested import with_tested
from cds_mm.experiments.catalogue import catalogue, with_methods
from cds_mm.experiments.leaves import folders, table_leaves
from cds_mm.experiments.leaves.text import text_of
from cds_mm.experiments.metafile import metafile, model_index
from cds_mm.paths import CONFIGS, PROJECT


def leaf_texts() -> dict[Path, str]:
    """What is in each leaf config of the table."""
    return {leaf.path: text_of(leaf) for leaf in table_leaves()}


def index_texts() -> dict[Path, str]:
    """What is in the files that list them; the README is there already."""
    readme = PROJECT / 'README.md'
    return {
        **{folder / 'metafile.yml': metafile(folder) for folder in folders()},
        PROJECT / 'model-index.yml': model_index(),
        CONFIGS / 'README.md': catalogue(),
        readme: with_tested(with_methods(readme.read_text())),
    }
