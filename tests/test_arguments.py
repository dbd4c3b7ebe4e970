"""What a config gives to our own modules is looked at when they are built."""

import inspect
import math
from typing import Annotated, Literal

import numpy as np
import pytest
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    TRANSFORMS,
)
from mmpretrain.registry import DATASETS as CLS_DATASETS
from mmpretrain.registry import METRICS as CLS_METRICS
from mmpretrain.registry import MODELS as CLS_MODELS
from mmpretrain.registry import TRANSFORMS as CLS_TRANSFORMS

from cds_mm.analysis.features import FeatureLoop, KeptFeatures
from cds_mm.arguments import (
    ArgumentError,
    Count,
    NonNegative,
    Positive,
    Share,
    Views,
    checked,
    mismatch,
)
from cds_mm.data import LabelFraction
from cds_mm.errors import UserError
from cds_mm.evaluation import CalibrationMetric
from cds_mm.losses import contrastive_loss

REGISTRIES = (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    METRICS,
    MODELS,
    TRANSFORMS,
    CLS_DATASETS,
    CLS_METRICS,
    CLS_MODELS,
    CLS_TRANSFORMS,
)


def build(kind, **options):
    for registry in REGISTRIES:
        if registry.module_dict.get(kind):
            return registry.module_dict[kind](**options)
    raise AssertionError(kind)


@pytest.mark.parametrize(
    'hint, good, bad',
    [
        (bool, [True, False], ['yes', 'False', 1, None]),
        (int, [0, -3, np.int64(4)], ['3', 2.0, True, None]),
        (float, [1, 0.5, np.float32(2)], ['1', True, math.nan, math.inf]),
        (str, ['', 'x'], [3, None]),
        (Positive, [1e-9, 3], [0, -1, 'hot', math.inf]),
        (NonNegative, [0, 0.1], [-1e-9, '0']),
        (Share, [0, 1, 0.3], [-0.1, 1.1]),
        (Count, [1, 9], [0, 1.0, True]),
        (Count | None, [None, 2], [0, 'two']),
        (Views, [(0,), [1, 0]], [(), 0, '0', (0.5,), (-1,)]),
        (tuple[str, ...], [(), ['a']], ['a', ('a', 1)]),
        (Literal['a', 1], ['a', 1], ['b', True, '1']),
        (tuple[int, float], [(1, 2.0)], ['12']),
        (dict, [{}], [[], 'dict()']),
        (Annotated[str, 'a note'], ['x'], [1]),
        (pytest.Item, ['what is of a class is not looked at', 3], []),
    ],
)
def test_hints(hint, good, bad):
    for value in good:
        assert mismatch(hint, value) == '', value
    for value in bad:
        said = mismatch(hint, value)
        assert said and '\n' not in said, value


# Losses, branches, hooks, transforms, samplers and metrics.
@pytest.mark.parametrize(
    'kind, options, said',
    [
        ('ContrastiveSupervision', dict(temperature=0), 'a number above 0'),
        ('ContrastiveSupervision', dict(temperature='hot'), 'a number'),
        ('ContrastiveSupervision', dict(weight=-1), 'a number from 0 on'),
        ('ContrastiveSupervision', dict(gather='no'), 'True or False'),
        ('ContrastiveSupervision', dict(branches='stage1'), 'a list'),
        ('ContrastiveSupervision', dict(num_views=2.5), 'a whole number'),
        ('SynergySupervision', dict(weight=math.nan), 'a number'),
        ('DeepSupervision', dict(views=0), 'a list'),
        ('LogitDistillation', dict(keep_wrong=75), 'from 0 to 1'),
        ('AttentionTransfer', dict(mode='paper '), "'code', 'paper'"),
        ('EnsembleSupervision', dict(ramp='80/300'), 'a number'),
        ('ProjectionHead', dict(in_channels=4, hidden=-1), "or one of 'same'"),
        ('ThroughputHook', dict(window=0), 'from 1 on'),
        ('StrictLoadHook', dict(parts='backbone.'), 'a list'),
        ('RGBGrayscale', dict(prob=20), 'from 0 to 1'),
        ('RGBColorJitter', dict(brightness='0.4'), 'a number'),
        ('ClippedCutout', dict(size='16'), 'a whole number'),
        ('LoadRGBImage', dict(keep_pixels=0), 'from 1 on'),
        ('MPerClassSampler', dict(dataset=[], images_per_class=2,
                                  batch_size='8'), 'a whole number'),
    ],
)  # fmt: skip
def test_one_line_names_class_argument_and_range(kind, options, said):
    with pytest.raises(UserError) as error:
        build(kind, **options)
    text = str(error.value)
    name = next(k for k in options if f'{k}={options[k]!r}' in text)
    assert text.startswith(f'{kind}: {name}=') and said in text
    assert '\n' not in text


def test_arguments_of_the_parent_class_are_checked_too():
    with pytest.raises(ArgumentError, match='DeepSupervision: branches=3'):
        build('DeepSupervision', branches=3)
    with pytest.raises(TypeError, match='temprature'):
        build('ContrastiveSupervision', temprature=1)


def test_what_was_right_stays_right():
    jitter = build('RGBColorJitter', brightness=(0.6, 1.4), hue=0)
    assert jitter.ranges['brightness'] == (0.6, 1.4)
    cds = build('ContrastiveSupervision', temperature=1, branches=['stage1'])
    assert cds.branches == ('stage1',)


def test_a_loss_that_is_called_by_hand():
    with pytest.raises(ArgumentError, match='temperature=0: must be'):
        contrastive_loss(None, None, temperature=0)


def test_defaults_are_not_looked_at():
    @checked
    def function(ratio: Positive = 0):
        return ratio

    assert function() == 0 and inspect.signature(function).parameters
    with pytest.raises(ArgumentError, match='function: ratio=0'):
        function(0)


def ours():
    for registry in REGISTRIES:
        for kind in registry.module_dict.values():
            if kind.__module__.startswith('cds_mm.'):
                yield kind


def test_every_registered_module_of_ours_is_checked():
    """One that is forgotten would take anything."""
    kinds = set(ours())
    assert len(kinds) > 60
    for kind in kinds:
        call = vars(kind).get('__init__') if inspect.isclass(kind) else kind
        # The first two have checks of their own, the others no arguments
        # that a config gives.
        if call is None or kind in (
            CalibrationMetric,
            LabelFraction,
            FeatureLoop,
            KeptFeatures,
        ):
            continue
        named = [
            parameter
            for parameter in inspect.signature(call).parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and parameter.name != 'self'
        ]
        hinted = [p for p in named if p.annotation is not p.empty]
        assert not hinted or hasattr(call, '__wrapped__'), kind


def test_a_path_becomes_a_text_where_one_is_expected(tmp_path):
    @checked
    def call(text: str, named: dict, free=None, **more):
        return text, named, free, more

    given = dict(a=tmp_path, b=1)
    text, named, free, more = call(tmp_path, given, tmp_path, x=None)
    assert text == str(tmp_path) and named == dict(a=text, b=1)
    assert free is tmp_path and given['a'] is tmp_path
    assert more == dict(x=None)
    plain = dict(a='x')
    assert call('x', plain)[1] is plain
