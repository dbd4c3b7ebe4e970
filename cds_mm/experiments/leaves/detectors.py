"""The leaf configs of table 4: two detectors on each method's backbone."""

from cds_mm.config.python_text import merged
from cds_mm.experiments.leaves.leaf import Leaf
from cds_mm.experiments.leaves.settings import backbone, pretrained
from cds_mm.experiments.methods import METHODS

_HOST = {
    'faster-rcnn': ('Faster R-CNN', 'faster_rcnn'),
    'retinanet': ('RetinaNet', 'retinanet'),
}
_KEPT = 'BatchNorm keeps the statistics of pretraining, as MMDetection does.'
_SYNC = (
    'The other BatchNorm regime, with nothing frozen: a recipe that freezes '
    'can hide or invent a gain. On one process or without a GPU the SyncBN '
    'is plain BatchNorm.'
)
_NOTHING_FROZEN = backbone(
    frozen_stages=-1,
    norm_eval=False,
    norm_cfg=dict(type='SyncBN', requires_grad=True),
)


def detector_leaves(detector: str, methods: str, syncbn: bool) -> list[Leaf]:
    """A detector on the backbones of some methods.

    Args:
        detector: as the configs call it.
        methods: their names, with spaces between.
        syncbn: with nothing frozen and SyncBN, instead of frozen BatchNorm.
    """
    label, folder = _HOST[detector]
    leaves = []
    for method in methods.split():
        name = METHODS[method].label
        by = name if method != 'baseline' else name.lower()
        ways = f'pretrained with {by}'
        leaves.append(
            Leaf(
                'detection',
                f'{detector}_r50-{method}_fpn_'
                + ('syncbn_' if syncbn else '')
                + '1x_coco',
                (f'mmdet::{folder}/{detector}_r50_fpn_1x_coco.py',),
                merged(pretrained(method), _NOTHING_FROZEN if syncbn else {}),
                f'{label}, R50-FPN, COCO 1x, '
                + (f'SyncBN, {ways}.' if syncbn else f'backbone {ways}.'),
                gpus=8,
                batch=2,
                note=_SYNC if syncbn else _KEPT,
                converts='' if syncbn else f'{method}_r50_in1k',
            )
        )
    return leaves
