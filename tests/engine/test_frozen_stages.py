"""Stages and statistics that stay as they are must have been trained."""

import re

import pytest
from mmdet.registry import MODELS as DET_MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS

from cds_mm.config import apply_options, load_config, option_value
from cds_mm.engine.frozen import check_frozen_stages
from cds_mm.errors import UserError
from cds_mm.run_warnings import forget_warnings, warnings_so_far
from cds_mm.testing import CONFIGS

PRETRAINING = str(CONFIGS / 'cifar10' / 'cds_r18_cifar10_folder.py')
DETECTION = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'
LOAD = dict(type='Pretrained', checkpoint='x.pth')


def changed(name, **settings):
    cfg = load_config(name)
    options = {key.replace('__', '.'): v for key, v in settings.items()}
    apply_options(cfg, options)
    return cfg


def built(cfg):
    registry = DET_MODELS if 'bbox_head' in cfg.model else MODELS
    scope = 'mmdet' if registry is DET_MODELS else 'mmpretrain'
    with DefaultScope.overwrite_default_scope(scope):
        return registry.build(cfg.model)


def error_of(cfg):
    with pytest.raises(UserError) as error:
        check_frozen_stages(built(cfg), cfg)
    assert '\n' not in str(error.value)
    return str(error.value)


def follow(cfg, said):
    """Do what the message says, and it says nothing any more."""
    for setting in re.search(r'; set (.*) to train', said)[1].split():
        key, _, value = setting.partition('=')
        apply_options(cfg, {key: option_value(value)})
    check_frozen_stages(built(cfg), cfg)


@pytest.mark.parametrize('stages', [1, 4])
def test_pretraining(stages):
    cfg = changed(PRETRAINING, model__backbone__frozen_stages=stages)
    said = error_of(cfg)
    assert f'model.backbone: frozen_stages={stages} would keep' in said
    follow(cfg, said)


def test_statistics_alone():
    cfg = changed(PRETRAINING, model__backbone__norm_eval=True)
    said = error_of(cfg)
    assert 'norm_eval=True would keep the statistics of 20 BatchNorm' in said
    assert 'frozen_stages' not in said
    follow(cfg, said)


def test_a_detector_without_its_weights():
    cfg = changed(DETECTION, model__backbone__init_cfg=None)
    said = error_of(cfg)
    weights = 3 * 64 * 7**2 + 4 * 64 * 64 * 3**2  # of the stem and stage 1
    assert f'frozen_stages=1 and norm_eval=True would keep {weights:,}' in said
    assert 'statistics of 20' in said
    follow(cfg, said)


def test_a_detector_that_is_taught_by_another(tmp_path):
    cfg = load_config(DETECTION)
    cfg.model.backbone.init_cfg = None
    student = Config(dict(model=dict(detector=cfg.model)))

    class SemiSupervised:
        student = built(cfg)

    with pytest.raises(UserError, match=r'model\.detector\.backbone: frozen'):
        check_frozen_stages(SemiSupervised(), student)


@pytest.mark.parametrize(
    'name, settings',
    [
        (DETECTION, {}),  # init_cfg of the backbone
        (DETECTION, dict(model__backbone__init_cfg=None, load_from='x.pth')),
        (DETECTION, dict(model__backbone__init_cfg=None,
                         model__init_cfg=LOAD)),
        (PRETRAINING, {}),
        (PRETRAINING, dict(model__backbone__frozen_stages=2,
                           model__backbone__init_cfg=LOAD)),
        (PRETRAINING, dict(model__backbone__frozen_stages=2,
                           model__backbone__init_cfg=[LOAD])),
        (PRETRAINING, dict(model__backbone__frozen_stages=2,
                           model__pretrained='x.pth')),
        # That of `model.frozen` is refused by name, before.
        (PRETRAINING, dict(model__frozen=['backbone'])),
        # Scale 1 and shift 0 are no random values.
        (PRETRAINING, dict(model__backbone__norm_cfg=dict(
            type='BN', requires_grad=False))),
        # Normalisation that has no statistics.
        (PRETRAINING, dict(model__backbone__norm_eval=True,
                           model__backbone__norm_cfg=dict(
                               type='GN', num_groups=4, requires_grad=True))),
    ],
)  # fmt: skip
def test_what_is_let_through(name, settings):
    cfg = changed(name, **settings)
    check_frozen_stages(built(cfg), cfg)


def test_the_stem_alone():
    """As MMPretrain's ViG is trained, from nothing."""
    forget_warnings()
    cfg = load_config('mmpretrain::vig/vig-tiny_8xb128_in1k.py')
    check_frozen_stages(built(cfg), cfg)
    (said,) = warnings_so_far()
    assert 'frozen_stages=0 would keep the statistics of 5 BatchNorm' in said
    forget_warnings()
