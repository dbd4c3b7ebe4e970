"""The first batch is loaded without a trace in the loader."""

import cv2
import pytest
import torch
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader

from cds_mm.data.first_batch import first_batch
from cds_mm.data.loading import LoadRGBImage
from cds_mm.errors import UserError
from cds_mm.outcome import one_line

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


class ToNothing:
    def __call__(self, results):
        return cv2.resize(results['img'], (0, 0))


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


def test_a_step_that_cannot_take_its_images_is_named(folder):
    images = loader(folder)
    images.dataset.pipeline.transforms.insert(1, ToNothing())
    with pytest.raises(UserError) as caught:
        first_batch(images)
    said = one_line(caught.value)
    assert said.startswith(
        'train_dataloader: step 1 of its pipeline, ToNothing, fails (error: '
    )
    assert said.endswith('fix its settings (CDS_MM_DEBUG=1 shows where)')


def test_a_broken_file_is_named_as_ever(folder, tmp_path):
    path = tmp_path / 'train' / 'a' / 'broken.png'
    path.parent.mkdir(parents=True)
    path.write_bytes(b'no image')
    images = loader(tmp_path)
    images.dataset.pipeline.transforms[0] = LoadRGBImage()
    with pytest.raises(UserError) as caught:
        first_batch(images)
    said = one_line(caught.value)
    assert 'broken.png' in said and 'pipeline' not in said
