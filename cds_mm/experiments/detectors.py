"""MMDetection's configs that detection leaves inherit."""

import re
from pathlib import Path
from typing import Any, NamedTuple


class Detector(NamedTuple):
    """A stock config with another backbone file.

    Its name has the parts of the leaves' names:
    ``{model}_{backbone}[_{neck}]_{schedule}_{data}``.

    Attributes:
        config: as MMDetection names it.
        label: the model, the data and the schedule, for people.
        pretraining: model and data of the runs that its backbone is of.
        init: what a leaf sets in the backbone's ``init_cfg`` besides the
            file.
    """

    config: str
    label: str
    pretraining: str = 'r50_in1k'
    init: dict[str, Any] = {}

    @property
    def words(self) -> list[str]:
        """The parts of its name."""
        return Path(self.config).stem.split('_')

    @property
    def model(self) -> str:
        """The model of its leaves' cells, with the backbone."""
        return '_'.join(self.words[:2])

    @property
    def data(self) -> str:
        """The data of its leaves' cells."""
        return self.words[-1]

    @property
    def batch(self) -> int | None:
        """Images on each of 8 GPUs, where its name says it."""
        found = re.search(r'_8xb(\d+)-', self.config)
        return int(found[1]) if found else None

    def run(self, method: str) -> str:
        """Folder of the run that its backbone is of."""
        return f'work_dirs/{method}_{self.pretraining}'

    def stem(self, method: str, variant: str) -> str:
        """Name of a leaf: the method follows the backbone."""
        model, backbone, *rest = self.words
        variants = [variant] if variant else []
        own = [*rest[:-2], *variants, *rest[-2:]]
        return '_'.join([model, f'{backbone}-{method}', *own])


_ALL = (
    Detector(
        'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
        'Faster R-CNN, R50-FPN, COCO 1x',
    ),
    Detector(
        'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
        'RetinaNet, R50-FPN, COCO 1x',
    ),
    Detector(
        'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
        'Mask R-CNN, R50-FPN, COCO 1x',
    ),
    Detector(
        'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py',
        'DINO, R50, COCO, 12 epochs',
    ),
    Detector(
        'mmdet::pascal_voc/faster-rcnn_r50_fpn_1x_voc0712.py',
        'Faster R-CNN, R50-FPN, VOC0712 1x',
    ),
    Detector(
        'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py',
        'RTMDet-s, COCO, 300 epochs',
        'cspnext-s_folder',
        # Its own file has other keys than a converted one.
        {'prefix': None},
    ),
    Detector(
        'mmdet::yolox/yolox_s_8xb8-300e_coco.py',
        'YOLOX-s, COCO, 300 epochs',
        'cspdarknet-s_folder',
        # It starts from no file.
        {'type': 'Pretrained'},
    ),
)
DETECTORS = {(one.model, one.data): one for one in _ALL}
_FIRST_WORDS = {one.words[0] for one in _ALL}


def is_detector_name(stem: str) -> bool:
    """Whether a leaf config of this name trains a detector."""
    return stem.partition('_')[0] in _FIRST_WORDS
