import numpy as np
import pytest
import torch
import torchvision.transforms.functional as F
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmpretrain.registry import DATASETS, TRANSFORMS
from PIL import Image, ImageOps
from scipy.stats import chisquare, ks_2samp
from torchvision.transforms import RandomResizedCrop

from cds_mm.data import AntialiasedResizedCrop
from cds_mm.data.built_loader import enlarged_crops
from cds_mm.errors import UserError


def test_resized_crop_equals_torchvision(image, rng):
    height, width = image.shape[:2]
    for _ in range(10):
        top, left = rng.integers(0, height - 9), rng.integers(0, width - 9)
        box = (top, left, rng.integers(8, height - top + 1), width - left)
        box = tuple(int(x) for x in box)
        crop = AntialiasedResizedCrop(scale=(24, 31))
        crop.rand_crop_params = lambda _, box=box: box
        got = crop({'img': image})
        wanted = F.resized_crop(Image.fromarray(image), *box, [24, 31])
        assert np.array_equal(got['img'], np.array(wanted))
        assert got['img_shape'] == (24, 31)


def test_crop_parameters_are_distributed_as_in_torchvision(rng):
    seed = int(rng.integers(2**31))
    np.random.seed(seed)
    torch.manual_seed(seed)
    image = np.zeros((375, 500, 3), np.uint8)
    size, count = image.shape[0] * image.shape[1], 3000
    for scale in ((0.08, 1.0), (0.2, 1.0)):
        crop = AntialiasedResizedCrop(8, crop_ratio_range=scale)
        ours = np.array([crop.rand_crop_params(image) for _ in range(count)])
        pil = Image.fromarray(image)
        theirs = np.array(
            [
                RandomResizedCrop.get_params(pil, scale, (3 / 4, 4 / 3))
                for _ in range(count)
            ]
        )
        for value in (
            lambda p: p[:, 2] * p[:, 3] / size,
            lambda p: p[:, 3] / p[:, 2],
            lambda p: p[:, 0] / (375 - p[:, 2] + 1),
            lambda p: p[:, 1] / (500 - p[:, 3] + 1),
        ):
            assert ks_2samp(value(ours), value(theirs)).pvalue > 1e-8


@pytest.mark.parametrize('fill', [128, 0])
def test_padded_crop_fills_all_channels(fill, rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    padded = np.array(ImageOps.expand(Image.fromarray(image), 4, (fill,) * 3))
    crop = TRANSFORMS.build(
        {
            'type': 'RandomCrop',
            'crop_size': 32,
            'padding': 4,
            'pad_val': (fill,) * 3,
        }
    )
    np.random.seed(int(rng.integers(2**31)))
    offsets = np.zeros((9, 9), int)
    for _ in range(2000):
        got = crop({'img': image})['img']
        found = [
            (y, x)
            for y in range(9)
            for x in range(9)
            if np.array_equal(got, padded[y : y + 32, x : x + 32])
        ]
        assert len(found) == 1
        offsets[found[0]] += 1
    # 25 each: that one of the 81 never comes has one chance in 10^9.
    assert offsets.min() > 0
    for counts in (offsets.ravel(), offsets.sum(0), offsets.sum(1)):
        assert chisquare(counts).pvalue > 1e-8


def test_test_view_equals_torchvision(image, rng):
    image = np.array(Image.fromarray(image).resize((301, 260)))
    steps = [
        {'type': 'ResizeEdge', 'scale': 256, 'backend': 'pillow'},
        {'type': 'CenterCrop', 'crop_size': 224},
    ]
    results = {'img': image}
    for step in steps:
        results = TRANSFORMS.build(step)(results)
    wanted = F.center_crop(F.resize(Image.fromarray(image), 256), 224)
    assert np.array_equal(results['img'], np.array(wanted))


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
def test_torch_resizes_as_pillow_does(interpolation, image, rng):
    crops = [
        AntialiasedResizedCrop(
            scale=(24, 31), interpolation=interpolation, backend=backend
        )
        for backend in ('pillow', 'torch')
    ]
    seed = int(rng.integers(2**31))
    for number in range(20):
        pillow, fast = (
            _under_seed(seed + number, crop, image) for crop in crops
        )
        assert fast.shape == (24, 31, 3) and fast.dtype == np.uint8
        assert fast.flags.c_contiguous
        difference = np.abs(pillow.astype(int) - fast)
        # Rounded after each of the two passes; cubic weights add up to more.
        assert difference.max() <= (2 if interpolation == 'bilinear' else 3)
        assert difference.mean() < 0.5


def test_the_kernel_for_channels_last_is_taken(image, monkeypatch):
    # The other one is a third slower, and its result has to be turned over.
    seen = []
    original = torch.nn.functional.interpolate

    def record(batch, *args, **kwargs):
        resized = original(batch, *args, **kwargs)
        seen.append((batch, resized))
        return resized

    monkeypatch.setattr(torch.nn.functional, 'interpolate', record)
    AntialiasedResizedCrop(scale=24, backend='torch')({'img': image})
    for tensor in seen[0]:
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_an_unknown_backend():
    with pytest.raises(UserError, match="backend='cv2' is none of pillow"):
        AntialiasedResizedCrop(scale=24, backend='cv2')


def _under_seed(seed, crop, image):
    np.random.seed(seed)
    return crop({'img': image})['img']


def leaf_of(side, views=None):
    """A data set of an ImageNet leaf, whose crops are of another size."""
    cfg = Config.fromfile('configs/_base_/datasets/views_in1k.py')
    pipeline = cfg.two_views if views else cfg.one_view
    crops = (
        [view[0] for view in pipeline[1]['transforms']]
        if views
        else [pipeline[1]]
    )
    for crop in crops:
        crop['scale'] = side
    return DATASETS.build(
        dict(type='CustomDataset', data_root='.', pipeline=pipeline)
        | dict(lazy_init=True)
    )


@pytest.mark.parametrize('views', [False, True])
def test_files_decoded_too_small_for_their_crops_are_warned_of(
    views, monkeypatch, request
):
    monkeypatch.chdir(request.config.rootpath)
    assert not [*enlarged_crops(leaf_of(224, views))]
    assert not [*enlarged_crops(leaf_of(160, views))]
    (line,) = enlarged_crops(ConcatDataset([leaf_of(320, views)], True))
    # The smallest crop of an image of so many pixels has 8 % of its area,
    # and as 3:4 it is 320 wide.
    needed = round(320**2 / 0.08 / 0.75)
    assert f'set keep_pixels={needed} in LoadRGBImage' in line
    assert '836267' in line
    dataset = leaf_of(320, views)
    dataset.pipeline.transforms[0].keep_pixels = needed
    assert not [*enlarged_crops(dataset)]
