"""Small detection sets of animals, with whatever is to be wrong in them."""

import json

import numpy as np
from mmengine.config import Config
from PIL import Image

ANIMALS = ('cow', 'goat', 'horse', 'pig')


def write_herd(root, split, *, count=6, names=ANIMALS, side=(40, 30), seed=0):
    """Write images and annotations; return the content of the JSON.

    Ids of categories have gaps; each class has boxes in each image.
    """
    rng = np.random.default_rng(seed)
    (root / split).mkdir(parents=True)
    images, boxes = [], []
    ids = {name: 3 * n + 2 for n, name in enumerate(ANIMALS)}
    for number in range(count):
        width, height = side
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        name = f'{split}_{number}.png'
        Image.fromarray(pixels).save(root / split / name)
        images.append(
            dict(id=100 + number, file_name=name, width=width, height=height)
        )
        for animal in names:
            w, h = (int(v) for v in rng.integers(4, 12, 2))
            x = int(rng.integers(0, width - w))
            y = int(rng.integers(0, height - h))
            boxes.append(
                dict(
                    id=len(boxes) + 1,
                    image_id=100 + number,
                    category_id=ids[animal],
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                )
            )
    content = dict(
        images=images,
        annotations=boxes,
        categories=[dict(id=ids[name], name=name) for name in names],
    )
    save(root, split, content)
    return content


def save(root, split, content, encoding='utf-8'):
    """Write the JSON of a split again."""
    text = json.dumps(content)
    (root / f'{split}.json').write_text(text, encoding=encoding)


def dataset(root, split, classes=ANIMALS, **more):
    """The config of a data set of :func:`write_herd`."""
    settings = dict(
        type='CocoDataset',
        data_root=f'{root}/',
        ann_file=f'{split}.json',
        data_prefix=dict(img=f'{split}/'),
        test_mode=split != 'train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
        ],
    )
    if split == 'train':
        settings['filter_cfg'] = dict(filter_empty_gt=True)
    if classes is not None:
        settings['metainfo'] = dict(classes=classes)
    return settings | more


def config(root, classes=ANIMALS, num_classes=None, **more):
    """A detection config of these data, with one head."""
    number = len(classes or ANIMALS) if num_classes is None else num_classes
    settings = dict(
        default_scope='mmdet',
        model=dict(
            type='RetinaNet',
            bbox_head=dict(type='RetinaHead', num_classes=number),
        ),
        val_evaluator=dict(type='CocoMetric', ann_file=f'{root}/val.json'),
    )
    for split in ('train', 'val'):
        settings[f'{split}_dataloader'] = dict(
            dataset=dataset(root, split, classes)
        )
    cfg = Config(settings)
    cfg.merge_from_dict(more)
    return cfg


def pasted(cfg, message):
    """A config after the ``--cfg-options`` that a message advises."""
    import shlex

    from cds_mm.commands.train import parse_args

    options = shlex.split(message.partition('--cfg-options ')[2])
    options = [option for option in options if '=' in option]
    given = parse_args(['x.py', '--cfg-options', *options]).cfg_options
    changed = Config(cfg.to_dict())
    changed.merge_from_dict(given)
    return changed
