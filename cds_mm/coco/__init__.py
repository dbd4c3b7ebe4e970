"""What is looked at in the data of a detection run before it starts."""

from cds_mm.coco.annotations import Annotations, read_annotations
from cds_mm.coco.checks import check_annotation_files
from cds_mm.coco.heads import check_heads

__all__ = [
    'Annotations',
    'check_annotation_files',
    'check_heads',
    'read_annotations',
]
