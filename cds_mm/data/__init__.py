"""View recipes, data sets and samplers, registered with MMPretrain."""

import cds_mm.hosts  # noqa: F401

from cds_mm.data.auto_augment import RGBAutoAugment
from cds_mm.data.checks import (
    check_dataset,
    check_labels,
)
from cds_mm.data.class_folder import ClassFolder
from cds_mm.data.class_names import check_same_classes
from cds_mm.data.colour import RGBColorJitter, RGBGrayscale
from cds_mm.data.crop import AntialiasedResizedCrop
from cds_mm.data.draws import Draws
from cds_mm.data.equal_iterations_sampler import EqualIterationsSampler
from cds_mm.data.geometry import ClippedCutout, HorizontalFlip, PaddedCrop
from cds_mm.data.label_fraction import LabelFraction
from cds_mm.data.loading import LoadRGBImage, read_rgb
from cds_mm.data.m_per_class_sampler import MPerClassSampler
from cds_mm.data.multi_view import SeededMultiView
from cds_mm.data.operation import ImageOperation
from cds_mm.data.packing import PackChannelsLast, collate_views
from cds_mm.data.preprocessor import MultiViewDataPreprocessor
from cds_mm.data.rotation import RightAngleRotation
from cds_mm.data.seeding import SeededFetch, seed_fetches
from cds_mm.data.stanford_dogs import StanfordDogs

__all__ = [
    'AntialiasedResizedCrop',
    'ClassFolder',
    'ClippedCutout',
    'Draws',
    'EqualIterationsSampler',
    'HorizontalFlip',
    'ImageOperation',
    'LabelFraction',
    'LoadRGBImage',
    'MPerClassSampler',
    'MultiViewDataPreprocessor',
    'PackChannelsLast',
    'PaddedCrop',
    'RGBAutoAugment',
    'RGBColorJitter',
    'RGBGrayscale',
    'RightAngleRotation',
    'SeededFetch',
    'SeededMultiView',
    'StanfordDogs',
    'check_dataset',
    'check_labels',
    'check_same_classes',
    'collate_views',
    'read_rgb',
    'seed_fetches',
]
