"""What is looked at in the data of a detection run before it starts."""

from cds_mm.coco.annotations import Annotations
from cds_mm.coco.checks import check_annotation_files
from cds_mm.coco.heads import check_heads
from cds_mm.coco.leaf import check_files_exist
from cds_mm.coco.reading import read_annotations

__all__ = [
    'Annotations',
    'check_annotation_files',
    'check_files_exist',
    'check_heads',
    'read_annotations',
]
