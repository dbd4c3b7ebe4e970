"""An operation does the same to an image in the loader and on the device."""

import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, default_collate
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS, MODELS, TRANSFORMS
from PIL import Image
from torchvision.transforms import functional as F

from cds_mm.config import use_parity
from cds_mm.data import Draws, SeededFetch
from cds_mm.data.seeding import current_draws
from cds_mm.testing import fresh_seed

JITTER = dict(
    type='RGBColorJitter', brightness=0.4, contrast=0.4, saturation=0.4
)
EXACT = {
    'flip': dict(type='HorizontalFlip', prob=0.5),
    'crop': dict(type='PaddedCrop', crop_size=20, padding=5, fill=(1, 2, 3)),
    'crop inside': dict(type='PaddedCrop', crop_size=7),
    'crop of all': dict(type='PaddedCrop', crop_size=24, padding=0),
    'cutout': dict(type='ClippedCutout', size=9, fill=4),
}
# Limits, of the largest difference and of the mean, in grey levels between an
# image, which is rounded after each operation, and a batch, which is not.
# Pillow has 256 hues; one is six levels of a pure colour.  Over 5,400 images
# of each the largest were 0.53, 4.3, 17.6 and 26.9, and the means of all
# images 0.25, 1.35, 0.69 and 1.55, if each image is changed.
COLOURS = {
    'grey': (dict(type='RGBGrayscale', prob=0.5), 0.6, 0.3),
    'jitter': (dict(JITTER, prob=0.8), 5, 1.7),
    'hue': (dict(type='RGBColorJitter', hue=0.1, prob=0.8), 20, 1),
    'all': (dict(JITTER, hue=0.1, prob=0.8), 30, 2),
}
SIDES = [24, 96]  # gathered in groups, and one by one


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def rng():
    return np.random.default_rng(fresh_seed())


def pictures(rng, count, side):
    """Smooth colours and some noise, RGB uint8 (B, H, W, 3)."""
    small = rng.integers(0, 256, (count, 5, 4, 3), dtype=np.uint8)
    smooth = [Image.fromarray(x).resize((side, side)) for x in small]
    noise = rng.integers(-20, 21, (count, side, side, 3))
    return (np.stack(smooth) + noise).clip(0, 255).astype(np.uint8)


def both_ways(config, rng, side, count=40):
    """What becomes of images, one by one and as a batch: (B, H, W, C)."""
    operation = TRANSFORMS.build(config)
    images = pictures(rng, count, side)
    kept = images.copy()
    keys = torch.from_numpy(rng.integers(0, 2**62, count))
    alone = [
        operation.on_image(image, Draws(keys[row : row + 1]))
        for row, image in enumerate(images)
    ]
    assert np.array_equal(images, kept), 'the given image stays'
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).clone()
    together = operation.on_batch(batch, Draws(keys)).permute(0, 2, 3, 1)
    return kept, np.stack(alone), together.numpy()


@pytest.mark.parametrize('side', SIDES)
@pytest.mark.parametrize('name', EXACT)
def test_pixels_that_move_are_exactly_the_same(name, side, rng):
    before, alone, together = both_ways(EXACT[name], rng, side)
    assert alone.dtype == together.dtype == np.uint8
    assert np.array_equal(alone, together)
    # In the smaller images there is one place for that crop.
    assert (name, side) == ('crop of all', 24) or len(
        {x.tobytes() for x in alone}
    ) > 20
    assert name != 'flip' or 0 < (alone != before).any((1, 2, 3)).sum() < 40


@pytest.mark.parametrize('side', SIDES)
@pytest.mark.parametrize('name', COLOURS)
def test_colours_differ_by_what_pillow_rounds(name, side, rng):
    config, most, mean = COLOURS[name]
    before, alone, together = both_ways(config, rng, side)
    difference = np.abs(alone - together)
    assert difference.max() <= most and difference.mean() <= mean
    changed = (np.abs(together - before).max((1, 2, 3)) > 0).tolist()
    assert changed == (alone != before).any((1, 2, 3)).tolist()
    assert any(changed)


def test_an_image_is_torchvisions_with_the_numbers_drawn(rng):
    """Written out here, from uniform numbers to Pillow."""
    jitter = TRANSFORMS.build(dict(JITTER, hue=0.1, prob=0.8))
    grey = TRANSFORMS.build(dict(type='RGBGrayscale', prob=0.2))
    names = ('brightness', 'contrast', 'saturation', 'hue')
    spans = [(0.6, 1.4)] * 3 + [(-0.1, 0.1)]
    for image in pictures(rng, 40, 24):
        keys = torch.from_numpy(rng.integers(0, 2**62, 1))
        numbers = Draws(keys).uniform(10)[0]
        wanted = Image.fromarray(image)
        if numbers[0] < 0.8:
            for number in np.argsort(numbers[1:5]):
                low, high = spans[number]
                factor = low + (high - low) * numbers[5 + number]
                adjust = getattr(F, f'adjust_{names[number]}')
                wanted = adjust(wanted, factor)
        if numbers[9] < 0.2:
            wanted = F.to_grayscale(wanted, 3)
        draws = Draws(keys)
        got = grey.on_image(jitter.on_image(image, draws), draws)
        assert np.array_equal(got, np.array(wanted))


def test_of_a_smaller_image_all_is_left():
    """As MMPretrain's crop does; what stacks them names the file."""
    seed = fresh_seed()
    image = np.random.default_rng(seed).integers(0, 256, (7, 40, 3), np.uint8)
    options = dict(crop_size=32, padding=2)
    crop = TRANSFORMS.build(dict(type='PaddedCrop', **options))
    host = TRANSFORMS.build(dict(type='RandomCrop', **options))
    draws = [Draws(torch.tensor([seed])) for _ in range(2)]
    got = crop.on_image(image, draws[0])
    assert got.shape == host.transform(dict(img=image))['img'].shape
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
    starts = range(padded.shape[1] - 32 + 1)
    assert any(np.array_equal(got, padded[:, s : s + 32]) for s in starts)
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    same = crop.on_batch(batch, draws[1])[0].permute(1, 2, 0)
    assert np.array_equal(same, got)


def test_outside_of_a_sample_torchs_generator_draws():
    seed = fresh_seed()
    torch.manual_seed(seed)
    first, second = current_draws().uniform(3), current_draws().uniform(3)
    assert not np.intersect1d(first, second).size
    torch.manual_seed(seed)
    assert np.array_equal(current_draws().uniform(3), first)


@DATASETS.register_module()
class Pictures(BaseDataset):
    """Images in memory."""

    def __init__(self, arrays, **kwargs):
        self.arrays = arrays
        super().__init__(**kwargs)

    def load_data_list(self):
        return [dict(img=array, gt_label=0) for array in self.arrays]


LOAD = dict(type='LoadRGBImage')
PACK = dict(type='PackChannelsLast')
FLIP, CROP, CUTOUT = (EXACT[name] for name in ('flip', 'crop', 'cutout'))
FIRST = [CROP, FLIP, CUTOUT]
SECOND = [dict(CROP, padding=3), FLIP, dict(CUTOUT, size=5)]


def several(*views, **options):
    return dict(type='SeededMultiView', transforms=[*views], **options)


def rows(arrays, seed, pipeline, views=None):
    """The batch (V*B, 3, H, W) of the arrays, as the model gets it."""
    dataset = DATASETS.build(
        dict(type='Pictures', arrays=arrays, pipeline=pipeline)
    )
    fetch = SeededFetch(dataset, seed, with_keys=bool(views))
    fetch.set_epoch(2)
    settings = dict(type='MultiViewDataPreprocessor', views=views)
    batch = default_collate(fetch(range(len(arrays))))
    return MODELS.build(settings)(batch, training=True)['inputs']


@pytest.mark.parametrize(
    'pipeline, views',
    [
        # An image for all views; crops first; all but the last operation; a
        # draw that the views share, with seeds that begin at 1 or not.
        ([LOAD, PACK], [FIRST, SECOND]),
        (
            [LOAD, several(FIRST[:1], SECOND[:1]), PACK],
            [FIRST[1:], SECOND[1:]],
        ),
        ([LOAD, several(FIRST[:2], SECOND), PACK], [FIRST[2:], []]),
        ([LOAD, FLIP, several(FIRST[:1], []), PACK], [FIRST[1:], SECOND]),
        ([LOAD, FLIP, several([], [], first_seed=1), PACK], [FIRST, SECOND]),
        ([LOAD, FLIP, PACK], [FIRST, SECOND]),
        ([LOAD, several(FIRST[:1], num_views=[2]), PACK], [[FLIP], [CUTOUT]]),
        ([LOAD, CROP, PACK], [[FLIP, CUTOUT]]),
        ([LOAD, PACK], [FIRST]),
        ([LOAD, PACK], [[], []]),
        ([LOAD, several([FLIP], [FLIP, CUTOUT]), PACK], [[], []]),
    ],
)
def test_wherever_a_view_is_made_it_is_the_same(pipeline, views, rng):
    arrays, seed = pictures(rng, 12, 24), int(rng.integers(2**31))
    cfg = dict(
        train_dataloader=dict(dataset=dict(pipeline=pipeline)),
        data_preprocessor=dict(views=views),
    )
    parted = rows(arrays, seed, pipeline, views)
    cfg = copy.deepcopy(cfg)
    use_parity(cfg)
    assert not cfg['data_preprocessor'].get('views')
    whole = cfg['train_dataloader']['dataset']['pipeline']
    assert torch.equal(parted, rows(arrays, seed, whole))
    for view in parted.split(12):
        assert len({row.numpy().tobytes() for row in view}) == 12


def test_two_views_of_one_recipe_are_two(rng):
    """Also after a draw that both share, wherever they are made."""
    arrays, seed = pictures(rng, 12, 24), int(rng.integers(2**31))
    for pipeline, views in (
        ([LOAD, FLIP, several(FIRST, FIRST), PACK], None),
        ([LOAD, FLIP, PACK], [FIRST, FIRST]),
    ):
        first, second = rows(arrays, seed, pipeline, views).split(12)
        assert not any(map(torch.equal, first, second))


def test_the_first_of_two_views_is_that_of_one(rng):
    arrays, seed = pictures(rng, 12, 24), int(rng.integers(2**31))
    one = rows(arrays, seed, [LOAD, *FIRST, PACK])
    for pipeline, views in (
        ([LOAD, several(FIRST, SECOND), PACK], None),
        ([LOAD, PACK], [FIRST, SECOND]),
        ([LOAD, several(FIRST[:1], SECOND), PACK], [FIRST[1:], []]),
    ):
        assert torch.equal(rows(arrays, seed, pipeline, views)[:12], one)
