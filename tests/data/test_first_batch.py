"""The first batch is loaded without a trace in the loader."""

import torch
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader

from cds_mm.data.first_batch import first_batch

PIPELINE = [
    dict(type='LoadRGBImage', on_error='skip'),
    dict(type='mmpretrain.PackInputs'),
]


def loader(root, split='train'):
    dataset = DATASETS.build(
        dict(
            type='ClassFolder',
            data_root=str(root),
            split=split,
            pipeline=PIPELINE,
        )
    )
    return DataLoader(dataset, batch_size=8, collate_fn=list)


def test_it_has_the_images_that_come_first(folder):
    images = loader(folder)
    (whole, two) = first_batch(images), first_batch(images, 2)
    expected = [images.dataset[i]['inputs'] for i in range(8)]
    assert len(whole) == 8
    for found, image in zip(whole, expected, strict=True):
        assert torch.equal(found['inputs'], image)
    assert torch.equal(two[0]['inputs'], expected[0])
    assert torch.equal(two[1]['inputs'], expected[7])


def test_what_it_skips_is_not_counted(folder, tmp_path):
    for path in (folder / 'train').rglob('*.*'):
        target = tmp_path / 'train' / path.relative_to(folder / 'train')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    first = min((tmp_path / 'train').rglob('*.*'))
    first.write_bytes(b'no image')
    images = loader(tmp_path)
    step = images.dataset.pipeline.transforms[0]
    assert len(first_batch(images)) == 8
    assert step.skipped_count() == 0
    images.dataset[0]
    assert step.skipped_count() == 1
