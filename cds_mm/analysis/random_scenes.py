"""Random images with objects, as a detector's data loader gives them."""

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData, PixelData

_OBJECTS = 3


def random_scenes(
    images: int, side: int, seed: int = 0, *, proposals: bool = False
) -> dict:
    """A batch before its preprocessor: everything that a head may ask for.

    Args:
        images: how many.
        side: their height and width, in pixels.
        seed: of the pixels and of the objects.
        proposals: whether the samples have some, as Fast R-CNN needs.

    Returns:
        dict: ``inputs``, a list of uint8 images (3, side, side), and
        ``data_samples`` with boxes, labels (all 0, which every detector has),
        masks and a semantic map.
    """
    random = np.random.default_rng(seed)
    pixels = random.integers(256, size=(images, 3, side, side), dtype=np.uint8)
    samples = [_sample(random, side, number) for number in range(images)]
    if not proposals:
        for sample in samples:
            del sample.proposals
    return dict(
        inputs=[torch.from_numpy(image) for image in pixels],
        data_samples=samples,
    )


def _sample(random: np.random.Generator, side: int, number: int):
    shape = (side, side)
    corners = random.uniform(0, side / 2, (_OBJECTS, 2))
    sizes = random.uniform(side / 8, side / 3, (_OBJECTS, 2))
    boxes = np.hstack([corners, corners + sizes]).astype(np.float32)
    masks = np.zeros((_OBJECTS, *shape), np.uint8)
    semantic = np.full(shape, 255, np.int64)
    for mask, (left, top, right, bottom) in zip(
        masks, boxes.round().astype(int), strict=True
    ):
        mask[top:bottom, left:right] = 1
        semantic[top:bottom, left:right] = 0
    sample = DetDataSample(
        metainfo=dict(
            img_id=number,
            img_path=f'{number}.jpg',
            img_shape=shape,
            ori_shape=shape,
            pad_shape=shape,
            scale_factor=(1.0, 1.0),
            flip=False,
            flip_direction=None,
            # As CenterNet's and CornerNet's test pipelines say it.
            border=[0, side, 0, side],
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=HorizontalBoxes(boxes),
        labels=torch.zeros(_OBJECTS, dtype=torch.long),
        masks=BitmapMasks(masks, *shape),
    )
    sample.ignored_instances = InstanceData(
        bboxes=HorizontalBoxes(np.zeros((0, 4), np.float32)),
        labels=torch.zeros(0, dtype=torch.long),
        masks=BitmapMasks(np.zeros((0, *shape), np.uint8), *shape),
    )
    sample.gt_sem_seg = PixelData(sem_seg=torch.from_numpy(semantic)[None])
    sample.proposals = InstanceData(
        bboxes=torch.from_numpy(boxes), scores=torch.ones(_OBJECTS)
    )
    return sample
