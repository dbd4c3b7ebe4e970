"""The loader is found behind wrappers; what nobody can know stays unknown."""

import numpy as np
import pytest
from mmengine.config import Config

from cds_mm.config.image_order import dataset_order
from cds_mm.config.network_input import loader_order

CV2 = {'type': 'LoadImageFromFile'}
RGB = {'type': 'LoadRGBImage'}
TIFF = {'type': 'LoadTiffImage'}
PACK = {'type': 'PackDetInputs'}
TO_PIL = {'type': 'NumpyToPIL', 'to_rgb': True}


def coco(*pipeline):
    return {'type': 'CocoDataset', 'pipeline': [*pipeline, PACK]}


def mixed(inner, *pipeline):
    return {
        'type': 'MultiImageMixDataset',
        'dataset': inner,
        'pipeline': [{'type': 'Mosaic'}, *pipeline],
    }


@pytest.mark.parametrize(
    ('dataset', 'order'),
    [
        (mixed(coco(CV2)), 'bgr'),
        (mixed(coco(RGB)), 'rgb'),
        (mixed(coco(CV2), TO_PIL), 'rgb'),
        (mixed(mixed(coco(CV2)), TO_PIL), 'rgb'),
        (mixed({'type': 'RepeatDataset', 'dataset': coco(CV2)}), 'bgr'),
        ({'type': 'ConcatDataset', 'datasets': [coco(CV2), coco(RGB)]}, None),
        ({'type': 'ConcatDataset', 'datasets': [coco(RGB)] * 2}, 'rgb'),
        ({'type': 'AnyWrapper', 'dataset': mixed(coco(CV2))}, 'bgr'),
        (coco(TIFF), None),
        (mixed(coco(TIFF)), None),
        (coco(), None),
        (mixed(coco()), None),
        ({'type': 'CIFAR10', 'pipeline': [PACK]}, 'rgb'),
        (coco(CV2, {'type': 'Normalize', 'mean': 0, 'std': 1}), 'rgb'),
        (coco(CV2, {'type': 'Normalize', 'to_rgb': False}), 'bgr'),
        (
            coco({'type': 'TransformBroadcaster', 'transforms': [CV2]}),
            'bgr',
        ),
        (
            coco(
                CV2, {'type': 'RandomChoice', 'transforms': [[PACK], [PACK]]}
            ),
            'bgr',
        ),
        (
            coco(
                CV2, {'type': 'RandomChoice', 'transforms': [[TO_PIL], [PACK]]}
            ),
            None,
        ),
    ],
)
def test_wrappers(dataset, order):
    assert dataset_order(dataset) == order
    assert dataset_order(Config({'data': dataset}).data) == order


def test_branches_of_a_semi_supervised_detector():
    fields = ['sup', 'unsup_teacher', 'unsup_student']
    labelled = coco(
        CV2, {'type': 'MultiBranch', 'branch_field': fields, 'sup': PACK}
    )

    def unlabelled(student):
        step = {
            'type': 'MultiBranch',
            'branch_field': fields,
            'unsup_teacher': [PACK],
            'unsup_student': student,
        }
        return coco(CV2, step)

    def order(*datasets):
        return dataset_order({'type': 'ConcatDataset', 'datasets': datasets})

    assert order(labelled, unlabelled([PACK])) == 'bgr'
    assert order(labelled, unlabelled([TO_PIL, PACK])) is None


def test_what_a_stock_config_says_is_what_comes_out(tmp_path):
    """A red picture through Mosaic: the host's own data set is the truth."""
    import json

    import cv2
    import mmdet.datasets  # noqa: F401
    from mmdet.registry import DATASETS
    from mmengine.registry import DefaultScope

    from cds_mm.testing import fresh_seed

    rng = np.random.default_rng(fresh_seed())
    names = [f'{number}.png' for number in range(5)]
    for name in names:
        picture = np.zeros((20, 20, 3), np.uint8)
        picture[..., 2] = rng.integers(200, 256)  # OpenCV's last is red
        cv2.imwrite(str(tmp_path / name), picture)
    annotations = dict(
        images=[
            dict(id=n, file_name=name, width=20, height=20)
            for n, name in enumerate(names)
        ],
        annotations=[
            dict(
                id=n + 1,
                image_id=n,
                category_id=1,
                bbox=[2, 2, 9, 9],
                area=81,
                iscrowd=0,
            )
            for n in range(5)
        ],
        categories=[dict(id=1, name='a')],
    )
    (tmp_path / 'a.json').write_text(json.dumps(annotations))
    config = {
        'type': 'MultiImageMixDataset',
        'dataset': {
            'type': 'CocoDataset',
            'data_root': str(tmp_path),
            'ann_file': 'a.json',
            'data_prefix': {'img': ''},
            'metainfo': {'classes': ('a',)},
            'pipeline': [CV2, {'type': 'LoadAnnotations', 'with_bbox': True}],
        },
        'pipeline': [{'type': 'Mosaic', 'img_scale': (20, 20)}, PACK],
    }
    cfg = {'train_dataloader': {'dataset': config}}
    with DefaultScope.overwrite_default_scope('mmdet'):
        image = DATASETS.build(config)[0]['inputs']
    red_is_last = bool(image[2].float().max() > 190 > image[0].float().max())
    assert red_is_last == (loader_order(cfg) == 'bgr')
