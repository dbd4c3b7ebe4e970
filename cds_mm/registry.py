"""The scope `cds_mm` in MMEngine's registries.

MMEngine imports this module by itself where a config has a type such as
``cds_mm.NamedCocoDataset``: no ``custom_imports`` is needed with any
launcher.  The modules in ``locations`` are imported with the first such type,
since they need MMDetection's data sets and classification does not.
"""

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

DATASETS = Registry(
    'dataset',
    parent=MMENGINE_DATASETS,
    scope='cds_mm',
    locations=['cds_mm.coco.named'],
)
METRICS = Registry(
    'metric',
    parent=MMENGINE_METRICS,
    scope='cds_mm',
    locations=['cds_mm.coco.named'],
)
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope='cds_mm',
    locations=['cds_mm.coco.loading'],
)
