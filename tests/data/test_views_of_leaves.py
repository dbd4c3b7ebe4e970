"""What leaves do to images is the published recipe, wherever it is done."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner
from mmpretrain.registry import MODELS, TRANSFORMS
from PIL import Image
from scipy.stats import ks_2samp
from torchvision import transforms as T

from cds_mm.config import (
    load_config,
    optimised_views,
    training_views,
    use_parity,
)
from cds_mm.config.mixed_views import check_done_once, doubtful_views
from cds_mm.data.seeding import seed_fetches
from cds_mm.errors import UserError
from cds_mm.experiments.detectors import is_detector_name
from cds_mm.testing import CONFIGS, fresh_seed

TWO_VIEWS = ['cifar100/cds_r18_cifar100.py', 'cds_r50_in1k.py']
LEAVES = sorted(
    path.relative_to(CONFIGS).as_posix()
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts and not is_detector_name(path.stem)
)


def step(kind, **options):
    return dict(type=kind, **options)


FLIP = step('HorizontalFlip', prob=0.5)
COLOURS = [
    step(
        'RGBColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        prob=0.8,
    ),
    step('RGBGrayscale', prob=0.2),
]
BYOL_COLOURS = [dict(COLOURS[0], saturation=0.2), COLOURS[1]]
AUTO = step('RGBAutoAugment', policy='imagenet')
GREY = step('PaddedCrop', crop_size=32, padding=4, fill=(128, 128, 128))
BLACK = step('PaddedCrop', crop_size=32, padding=4)
CUTOUT = step('ClippedCutout', size=16)
TURNS = [step('RightAngleRotation', quarters=n) for n in range(4)]
ENLARGE = step('Resize', scale=(64, 64), backend='pillow')
SOLARIZE = step('Solarize', thr=128, prob=0.2)
BLUR = step('GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf')


def crop(side, least=0.08, **options):
    options['crop_ratio_range'] = (least, 1.0)
    return step('AntialiasedResizedCrop', scale=side, **options)


CIFAR = [GREY, FLIP, CUTOUT], [BLACK, FLIP, *COLOURS]
IN1K = [crop(224), FLIP], [crop(224, 0.2), FLIP, *COLOURS]
DIGITS = [crop(64, 0.4)], [crop(64, 0.4), *COLOURS]
BYOL = [crop(224, interpolation='bicubic'), FLIP, *BYOL_COLOURS]
SMALL = [crop(32, 0.2), FLIP]
RECIPES = {
    'cifar': CIFAR[:1],
    'cifar two': CIFAR,
    'cifar plain': [CIFAR[0][:2]],
    'cifar four': [[FLIP, turn, GREY, CUTOUT] for turn in TURNS],
    'cifar linear': [SMALL],
    'cifar supcon': [[*SMALL, *COLOURS]] * 2,
    'cifar byol': [[*SMALL, *BYOL_COLOURS], [*SMALL, *BYOL_COLOURS, SOLARIZE]],
    'cpu': [[*CIFAR[0], ENLARGE]],
    'cpu two': [[*view, ENLARGE] for view in CIFAR],
    'digits': DIGITS[:1],
    'digits two': DIGITS,
    'in1k': IN1K[:1],
    'in1k two': IN1K,
    'in1k four': [[turn, *IN1K[0]] for turn in TURNS],
    'in1k auto': [[*IN1K[0], AUTO]],
    'in1k auto two': [[*IN1K[0], AUTO], IN1K[1]],
    'in1k auto both': [[*view, AUTO] for view in IN1K],
    'in1k supcon': [[*IN1K[1][:2], AUTO]] * 2,
    'in1k byol': [
        [*BYOL, dict(BLUR, prob=1.0)],
        [*BYOL, dict(BLUR, prob=0.1), SOLARIZE],
    ],
}


def recipe_of(name):
    """The key of :data:`RECIPES` that a leaf's name asks for."""
    stem = name.split('/')[-1].removesuffix('.py')
    method, *_ = stem.split('_')
    data = 'cifar' if 'cifar' in stem else 'in1k'
    if stem.endswith('_cpu') or 'digits' in stem:
        data = 'digits' if 'digits' in stem else 'cpu'
    if method == 'supcon-linear':
        return 'cifar linear' if data == 'cifar' else data
    before_classes = '_pretrain' in stem or stem.endswith('_folder')
    if method == 'supcon' or (method == 'byol' and before_classes):
        return f'{data} {"supcon" if method == "supcon" else "byol"}'
    if 'autoaug' in stem:
        both = 'both' if stem.endswith('-both') else 'two'
        return f'{data} auto' + f' {both}' * (method == 'cds')
    if stem.endswith('crop-flip'):
        return f'{data} plain'
    if method in ('sskd', 'sskd-teacher'):
        return f'{data} four'
    return data + ' two' * (method in ('cds', 'cds-semi', 'cds-kd'))


def without(step, *names):
    """A plain copy of a step of a config, lists for tuples."""
    plain = Config(dict(step=step)).to_dict()['step']
    return {
        k: list(v) if isinstance(v, tuple) else v
        for k, v in plain.items()
        if k not in names
    }


def operations(cfg):
    """What is done with each view between loading and packing."""
    views = []
    for view in training_views(cfg):
        *steps, last = [without(s, 'backend') for s in view if s]
        steps += [last]
        kinds = [s['type'] for s in steps]
        assert kinds[0] == 'LoadRGBImage'
        views.append(
            [s for s in steps[1:] if not s['type'].startswith('Pack')]
        )
    return views


def config_of(name):
    return load_config(str(CONFIGS / name))


def assert_decoding(cfg):
    """Files are decoded as small as the smallest crop allows; tests' whole."""
    views = training_views(cfg)
    least = []
    for _, *steps in views:
        first = next((s for s in steps if 'Crop' in s['type']), None)
        if first and first['type'] == 'AntialiasedResizedCrop':
            share, _ = first['crop_ratio_range']
            # The narrowest is 3:4, and has to be as wide as the view.
            least.append(round(first['scale'] ** 2 / (share * 3 / 4)))
            assert first['backend'] == 'torch'
    assert [load.get('keep_pixels') for load, *_ in views] == [
        max(least, default=None)
    ] * len(views)
    # What is tested with is read by the same class, at full size.
    if cfg.get('val_dataloader'):
        load, *_, pack = cfg.val_dataloader.dataset.pipeline
        assert load == dict(type='LoadRGBImage')
        assert pack.type == 'PackInputs'
        assert cfg.val_dataloader.collate_fn.type == 'default_collate'


@pytest.mark.parametrize('name', LEAVES)
def test_every_leaf_does_the_published_operations_in_their_order(name):
    cfg = config_of(name)
    check_done_once(cfg)
    assert not [*doubtful_views(cfg)], 'nothing is said of a leaf'
    wanted = [
        [without(s, 'backend') for s in view]
        for view in RECIPES[recipe_of(name)]
    ]
    assert operations(cfg) == wanted
    assert cfg.train_dataloader.collate_fn.type == 'collate_views'
    fast = optimised_views(cfg)
    assert_decoding(cfg)
    kind = cfg.data_preprocessor.type
    assert bool(cfg.data_preprocessor.get('views')) == any(
        'on the device' in line for line in fast
    )
    assert kind == 'MultiViewDataPreprocessor' or 'byol' in name
    use_parity(cfg)
    assert operations(cfg) == wanted
    assert optimised_views(cfg) == []
    steps = cfg.train_dataloader.dataset.pipeline
    assert (steps[0], steps[-1].type) == (
        dict(type='LoadRGBImage'),
        'PackInputs',
    )
    assert cfg.train_dataloader.collate_fn.type == 'default_collate'
    # As a run dumps it, and once more.
    once = cfg.to_dict()
    use_parity(cfg)
    assert cfg.to_dict() == once


@pytest.mark.parametrize(
    'pipeline, views, wanted',
    [
        ('LOAD PACK', 'A', 'LOAD A PACK'),
        ('LOAD PACK', 'A B', 'LOAD [A|B] PACK'),
        ('LOAD F [A|B] PACK', 'C D', 'LOAD F [A C|B D] PACK'),
        ('LOAD [A] PACK', 'C', 'LOAD [A C] PACK'),
    ],
)
def test_the_end_of_a_view_moves_behind_its_beginning(pipeline, views, wanted):
    def read(text):
        steps = []
        for word in text.replace(' ', ',').split(',PACK')[0].split(',['):
            inner, bracket, _ = word.partition(']')
            if bracket:
                views = [v.split(',') for v in inner.split('|')]
                many = [[step(k) for k in view] for view in views]
                steps.append(step('SeededMultiView', transforms=many))
            else:
                steps += [step(k) for k in word.split(',')]
        return [*steps, step('PackInputs')]

    leaf = dict(pipeline=read(pipeline))
    cfg = Config(
        dict(
            data_preprocessor=dict(views=[[step(k)] for k in views.split()]),
            train_dataloader=dict(
                dataset=dict(type='ConcatDataset', datasets=[leaf, leaf])
            ),
        )
    )
    use_parity(cfg)
    for one in cfg.train_dataloader.dataset.datasets:
        assert one.pipeline == read(wanted)
    assert not cfg.data_preprocessor.get('views')


@pytest.mark.parametrize(
    'change',
    [
        lambda c: c.data_preprocessor.update(views=[[FLIP]]),
        lambda c: c.train_dataloader.dataset.pipeline.pop(),
        lambda c: c.train_dataloader.dataset.pipeline.insert(2, FLIP),
    ],
)
def test_views_that_do_not_go_together(change):
    cfg = config_of('cds_r50_in1k.py')
    change(cfg)
    with pytest.raises(UserError, match='data_preprocessor.views has'):
        use_parity(cfg)


def test_a_user_who_crops_otherwise_keeps_it():
    cfg = config_of('cds_r50_in1k.py')
    first, second = cfg.train_dataloader.dataset.pipeline[1].transforms
    first[0].interpolation, second[0].scale = 'bicubic', 160
    cfg.data_preprocessor.views[1][1].hue = 0.3
    use_parity(cfg)
    first, second = cfg.train_dataloader.dataset.pipeline[1].transforms
    assert first[0] == crop(224, interpolation='bicubic')
    assert second[0] == crop(160, 0.2) and second[2].hue == 0.3
    assert cfg.model.memory_format == 'contiguous_format'


@DATASETS.register_module()
class OneImage(BaseDataset):
    """One picture, as often as is asked."""

    def __init__(self, picture, count, **kwargs):
        self.picture, self.count = picture, count
        super().__init__(**kwargs)

    def load_data_list(self):
        return [
            dict(img=self.picture, gt_label=i % 10) for i in range(self.count)
        ]


def batch_of(config, picture, count, seed, parity=False):
    """Normalised rows (V*B, 3, H, W) of one batch of one picture."""
    init_default_scope('mmpretrain')
    config = Config(copy.deepcopy(config.to_dict()))
    if parity:
        use_parity(config)
    loader = dict(
        config.train_dataloader,
        dataset=dict(
            type='OneImage',
            picture=picture,
            count=count,
            pipeline=config.train_dataloader.dataset.pipeline,
        ),
        batch_size=count,
        num_workers=0,
        pin_memory=False,
        persistent_workers=False,
    )
    loader = Runner.build_dataloader(loader, seed=0)
    seed_fetches(loader.dataset, seed, with_keys=not parity)
    preprocessor = MODELS.build(config.data_preprocessor)
    (batch,) = loader
    return preprocessor(batch, training=True)['inputs']


def picture_of(side, seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.array(Image.fromarray(small).resize((side, side)))


@pytest.mark.parametrize(
    'name',
    [
        *TWO_VIEWS,
        'cds_r50_in1k_350e-autoaug.py',
        'cifar10/cds_r18_cifar10_folder.py',
        'kd/sskd_r18_cifar100.py',
        'kd/sskd_r18_cifar10_folder.py',
        'representation/supcon_r18_cifar100_1000e.py',
    ],
)
def test_parity_sees_the_same_pictures(name):
    """Windows, flips and holes are the same, and colours nearly."""
    config, seed = config_of(name), fresh_seed()
    side = 32 if 'cifar' in name else 300
    picture = picture_of(side, seed)
    fast, slow = (
        batch_of(config, picture, 8, seed, parity) for parity in (False, True)
    )
    views = len(training_views(config))
    assert fast.shape == slow.shape and len(fast) == 8 * views
    for number, view in enumerate(operations(config)):
        rows = slice(8 * number, 8 * number + 8)
        difference = (fast[rows] - slow[rows]).abs() * 51  # grey levels
        kinds = {s['type'] for s in view}
        if 'RGBColorJitter' in kinds:
            assert difference.mean() < 3
        elif 'RGBAutoAugment' in kinds:
            # Some of it is steep: two levels before it are more behind it.
            assert difference.mean() < 3
        elif 'AntialiasedResizedCrop' in kinds:
            assert difference.max() < 2.01 and difference.mean() < 0.5
        else:
            assert difference.max() == 0


def cutout(image):
    pixels = np.array(image)
    y, x = np.random.randint(0, 32, 2)
    pixels[max(y - 8, 0) : y + 8, max(x - 8, 0) : x + 8] = 0
    return pixels


def published(name):
    """The two views by torchvision and Pillow, with generators of theirs."""
    jitter = T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8)
    colours = [T.RandomHorizontalFlip(), jitter, T.RandomGrayscale(0.2)]
    if 'cifar' in name:
        first = [T.RandomCrop(32, 4, fill=128), colours[0], cutout]
        return first, [T.RandomCrop(32, 4), *colours]
    first, second = (T.RandomResizedCrop(32, (x, 1.0)) for x in (0.08, 0.2))
    return [first, colours[0]], [second, *colours]


# Fixed seeds: a test of distribution would fail by chance at any limit.
@pytest.mark.parametrize('parity', [False, True])
@pytest.mark.parametrize('name', TWO_VIEWS)
def test_views_have_the_published_distribution(name, parity):
    count = 300
    side = 32 if 'cifar' in name else 96
    config = config_of(name)
    for step in config.train_dataloader.dataset.pipeline:
        for view in step.get('transforms') or ():
            view[0].scale = 32  # to be quick
    picture = picture_of(side, 5)
    ours = batch_of(config, picture, count, 1, parity)
    np.random.seed(2), torch.manual_seed(2)
    settings = config.data_preprocessor
    mean, std = (torch.tensor(settings[k]) for k in ('mean', 'std'))
    for number, steps in enumerate(published(name)):
        view = T.Compose(steps)
        made = np.stack(
            [np.array(view(Image.fromarray(picture))) for _ in range(count)]
        )
        theirs = ((torch.from_numpy(made) - mean) / std).permute(0, 3, 1, 2)
        rows = ours[number * count :][:count]
        for summary in (brightness, contrast, saturation, handedness):
            same = ks_2samp(summary(rows), summary(theirs)).pvalue
            assert same > 1e-3, summary.__name__
        difference = rows.mean(0) - theirs.mean(0)
        spread = (rows.var(0) + theirs.var(0)).div(count).sqrt()
        # Of 3,072 means, one in 15,000 is four deviations away.
        assert (difference.abs() > 5 * spread + 0.02).sum() == 0


def brightness(rows):
    return rows.mean((1, 2, 3)).numpy()


def contrast(rows):
    return rows.std((1, 2, 3)).numpy()


def saturation(rows):
    return (rows.amax(1) - rows.amin(1)).mean((1, 2)).numpy()


def handedness(rows):
    half = rows.size(-1) // 2
    left, right = rows[..., :half], rows[..., half:]
    return (left.mean((1, 2, 3)) - right.mean((1, 2, 3))).numpy()


def test_keys_decide_what_is_drawn():
    config = config_of('cds_r50_in1k.py')
    seed = fresh_seed()
    picture = picture_of(64, seed)
    first, again, other = (
        batch_of(config, picture, 3, s) for s in (seed, seed, seed + 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_training_image_at_full_size_is_that_of_a_test():
    """A photograph as a JPEG file: one decoder, one class."""
    folder = Path(pytest.importorskip('sklearn').__file__).parent
    path = folder / 'datasets' / 'images' / 'china.jpg'
    cfg = config_of('cds_r50_in1k.py')
    of_training, of_tests = (
        TRANSFORMS.build(dict(loader.dataset.pipeline[0]))
        for loader in (cfg.train_dataloader, cfg.val_dataloader)
    )
    # Below 3.3 megapixels training decodes at full size, too.
    images = [
        load({'img_path': str(path)})['img']
        for load in (of_training, of_tests)
    ]
    assert images[0].shape == (427, 640, 3)
    assert np.array_equal(*images)
    assert np.array_equal(images[1], np.array(Image.open(path)))
