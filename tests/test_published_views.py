"""Views that name a source, against that source's recipe in torchvision."""

import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import FUNCTIONS, init_default_scope
from mmpretrain.registry import MODELS
from PIL import Image
from scipy.stats import ks_2samp
from torchvision import transforms as T

import cds_mm.registration  # noqa: F401
from cds_mm.config import load_config
from cds_mm.data import SeededFetch
from cds_mm.testing import CONFIGS

COUNT, SIDE = 400, 32
CIFAR10 = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
CIFAR100 = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def cutout(image):
    """A black hole of 16 pixels around any pixel, clipped at the edges."""
    y, x = (int(torch.randint(SIDE, ())) for _ in range(2))
    image = image.clone()
    rows, columns = (slice(max(0, c - 8), c + 8) for c in (y, x))
    image[:, rows, columns] = 0
    return image


def recipe(statistics, *steps):
    ending = (T.ToTensor(), T.Normalize(*statistics))
    if cutout in steps:
        steps, ending = steps[:-1], (ending[0], cutout, ending[1])
    return T.Compose([*steps, *ending])


FLIP = T.RandomHorizontalFlip()
COLOURS = (
    T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    T.RandomGrayscale(p=0.2),
)
CROP = T.RandomResizedCrop(SIDE)
MILD_CROP = T.RandomResizedCrop(SIDE, scale=(0.2, 1.0))
CUBIC_CROP = T.RandomResizedCrop(
    SIDE, interpolation=T.InterpolationMode.BICUBIC
)
SUPCON = recipe(CIFAR100, MILD_CROP, FLIP, *COLOURS)


def byol(crop, blur, solarize):
    """Grill et al., 2020, appendix B; on CIFAR without the blur."""
    statistics = IMAGENET if blur else CIFAR10
    return recipe(
        statistics,
        crop,
        FLIP,
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomApply([T.GaussianBlur(23, (0.1, 2.0))], p=blur),
        T.RandomSolarize(128, p=solarize),
    )


def turned(quarters):
    """torchdistill's wrapper of a data set for SSKD."""
    view = recipe(IMAGENET, CROP, FLIP)
    return lambda image: view(image.rotate(90 * quarters, expand=True))


# A leaf, the size of the picture, and the recipe of each view.
RECIPES = {
    'cifar100/cds_r18_cifar100.py': (
        (SIDE, SIDE),
        recipe(CIFAR10, T.RandomCrop(32, 4, fill=128), FLIP, cutout),
        recipe(CIFAR10, T.RandomCrop(32, 4), FLIP, *COLOURS),
    ),
    'cds_r50_in1k.py': (
        (60, 90),
        recipe(IMAGENET, CROP, FLIP),
        recipe(IMAGENET, MILD_CROP, FLIP, *COLOURS),
    ),
    'representation/supcon_r18_cifar100_1000e.py': (
        (SIDE, SIDE),
        SUPCON,
        SUPCON,
    ),
    'representation/supcon-linear_r18_cifar100_1000e.py': (
        (SIDE, SIDE),
        recipe(CIFAR100, MILD_CROP, FLIP),
    ),
    'representation/byol_r18_cifar100_pretrain-1000e.py': (
        (SIDE, SIDE),
        byol(MILD_CROP, 0, 0),
        byol(MILD_CROP, 0, 0.2),
    ),
    'representation/byol_r50_in1k_pretrain-1000e.py': (
        (60, 90),
        byol(CUBIC_CROP, 1, 0),
        byol(CUBIC_CROP, 0.1, 0.2),
    ),
    'kd/sskd_r18_in1k.py': ((60, 90), *map(turned, range(4))),
}


def scaled(step):
    """The same recipe of small images, to be quick."""
    if isinstance(step, dict):
        step = {key: scaled(value) for key, value in step.items()}
        return dict(step, scale=SIDE) if 'scale' in step else step
    return [scaled(s) for s in step] if isinstance(step, list) else step


def our_views(leaf, picture, count=COUNT, change=None):
    """(V, count, 3, SIDE, SIDE), as the model gets them."""
    init_default_scope('mmpretrain')
    cfg = copy.deepcopy(load_config(str(CONFIGS / leaf)))
    if change:
        number, key, value = change
        cfg.data_preprocessor.views[1][number][key] = value
    loader = cfg.train_dataloader.to_dict()
    pipeline = Compose(scaled(loader['dataset']['pipeline']))

    class Same:
        def __getitem__(self, index):
            return pipeline(
                dict(img=picture.copy(), gt_label=1, sample_idx=index)
            )

    # Only ours draws on the device.
    ours = cfg.data_preprocessor.type == 'MultiViewDataPreprocessor'
    fetch = SeededFetch(Same(), 7, with_keys=ours)
    collate = FUNCTIONS.get(loader['collate_fn']['type'])
    batch = collate(fetch(range(count)))
    preprocessor = MODELS.build(cfg.data_preprocessor)
    inputs = preprocessor(batch, training=True)['inputs']
    rows = torch.cat(inputs) if isinstance(inputs, list) else inputs
    return rows.unflatten(0, (-1, count))


def brightness(rows):
    return rows.mean((1, 2, 3))


def contrast(rows):
    return rows.std((1, 2, 3))


def saturation(rows):
    return (rows.amax(1) - rows.amin(1)).mean((1, 2))


def handedness(rows):
    half = SIDE // 2
    return (rows[..., :half] - rows[..., half:]).mean((1, 2, 3))


def uprightness(rows):
    return handedness(rows.mT)


# Fixed seeds: a test of distribution would fail by chance at any limit.
@pytest.mark.parametrize('leaf', RECIPES)
def test_views_are_distributed_as_in_the_source(leaf):
    size, *recipes = RECIPES[leaf]
    small = np.random.default_rng(5).integers(0, 256, (6, 6, 3), np.uint8)
    picture = np.array(Image.fromarray(small).resize(size))
    views = our_views(leaf, picture)
    assert len(views) == len(recipes)
    torch.manual_seed(11)
    for ours, draw in zip(views, recipes, strict=True):
        image = Image.fromarray(picture)
        theirs = torch.stack([draw(image) for _ in range(COUNT)])
        assert ours.shape == theirs.shape
        for summary in (
            brightness,
            contrast,
            saturation,
            handedness,
            uprightness,
        ):
            found = ks_2samp(summary(ours), summary(theirs))
            assert found.pvalue > 1e-3, summary.__name__
        spread = (ours.var(0) + theirs.var(0)).div(COUNT).sqrt()
        far = (ours.mean(0) - theirs.mean(0)).abs() > 5 * spread + 0.02
        assert far.sum() == 0


# Enough to tell 0.4 from 0.5, and 0.1 from 0.2.
MANY = 2500


HUE = np.array([120.0, 110.0, 60.0])
OWN = np.arctan2(3**0.5 * (110 - 60), 2 * 120 - 110 - 60)


def hues_and_sides(rows):
    """The hue of each row in radians, NaN of grey ones, and what is mirrored.

    For pictures of one hue that get brighter to the right.
    """
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in CIFAR10)
    red, green, blue = (rows * std + mean).mean((2, 3)).unbind(1)
    second = 3**0.5 * (green - blue)
    hue = torch.atan2(second, 2 * red - green - blue)
    grey = (red - green).abs() + (green - blue).abs() < 1e-3
    return hue.masked_fill(grey, float('nan')), handedness(rows) > 0


def agree(ours, theirs):
    """Shares of grey, of unchanged and of mirrored rows, and the hues."""
    (hue, mirrored), (wanted, other) = map(hues_and_sides, (ours, theirs))
    for got, expected in (
        (hue.isnan(), wanted.isnan()),
        ((hue - OWN).abs() < 0.02, (wanted - OWN).abs() < 0.02),
        (mirrored, other),
    ):
        share = expected.float().mean()
        spread = (2 * share * (1 - share) / MANY).sqrt()
        if (got.float().mean() - share).abs() > 4 * spread:
            return False
    drawn, wanted = hue[~hue.isnan()], wanted[~wanted.isnan()]
    return ks_2samp(drawn, wanted).pvalue > 1e-3


def one_hue():
    shade = np.linspace(0.3, 1, SIDE)[None, :, None]
    picture = np.broadcast_to(shade * HUE, (SIDE, SIDE, 3))
    return picture.round().astype(np.uint8)


CHANGES = {
    'flip': (1, 'prob', 0.4),
    'jitter': (2, 'prob', 0.7),
    'no hue': (2, 'hue', 0.0),
    'half the hue': (2, 'hue', 0.05),
    'grey': (3, 'prob', 0.1),
}


def test_probabilities_and_hues_of_the_contrastive_view():
    """And that the comparison would see another recipe."""
    leaf, picture = 'cifar100/cds_r18_cifar100.py', one_hue()
    torch.manual_seed(13)
    image, draw = Image.fromarray(picture), RECIPES[leaf][2]
    theirs = torch.stack([draw(image) for _ in range(MANY)])
    assert agree(our_views(leaf, picture, MANY)[1], theirs)
    for name, change in CHANGES.items():
        other = our_views(leaf, picture, MANY, change)[1]
        assert not agree(other, theirs), name
