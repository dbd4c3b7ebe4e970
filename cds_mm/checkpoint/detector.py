"""A detector's backbone and preprocessor, as its config makes them."""

from typing import TypeAlias

import torch
from torch import nn

from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.config import (
    named_config,
    network_settings,
    preprocessor_settings,
    pretrained_init,
)
from cds_mm.config.files import ConfigOrName
from cds_mm.config.network_input import loader_order
from cds_mm.errors import UserError, first_line

# What can be asked for a backbone: a config, or what was built of one.
Detector: TypeAlias = ConfigOrName | DetectorSide


def build_detector(config: ConfigOrName) -> DetectorSide:
    """Builds the backbone and the preprocessor of a detection config.

    Weights that the config names (``init_cfg``) are not loaded.

    Args:
        config (str | Path | Config): ``mmdet::<path>``, a file, or a
            loaded config.

    Returns:
        DetectorSide: With random weights.

    Raises:
        UserError: No such config, or not one of a detector.
    """
    cfg, name = named_config(config)
    backbone, preprocessor = _parts(cfg, name)
    return DetectorSide(
        name,
        build_model(backbone, name),
        build_model(preprocessor, name, 'data_preprocessor'),
        loader_order(cfg),
        (pretrained_init(cfg) or {}).get('prefix'),
        backbone,
        shared_head_of(cfg),
    )


def build_model(
    config: dict, name: str, part: str = 'backbone', scope: str = 'mmdet'
) -> nn.Module:
    """Builds a part of a model, with random weights.

    Args:
        config (dict): Of the part, without ``init_cfg``.
        name (str): Of the whole config, for messages.
        part (str): What it is, for messages.
        scope (str): Where names without a scope are looked for.

    Raises:
        UserError: It cannot be built.
    """
    from cds_mm import ops

    ops.install()
    import mmdet.models  # noqa: F401
    import mmpretrain.models  # noqa: F401
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    try:
        # The run's random numbers are not for this.
        with (
            torch.random.fork_rng(devices=[]),
            DefaultScope.overwrite_default_scope(scope),
        ):
            return MODELS.build(dict(config))
    except UserError:
        raise
    except Exception as error:  # code of anyone
        said = first_line(error)[:160]
        fix = 'fix the config'
        if 'unexpected keyword argument' in said:
            fix = (
                'take it out, or, where a config that this one inherits sets '
                f'it, add _delete_=True to its {part}'
            )
        raise UserError(
            f'{name}: its {part} cannot be built ({said}); {fix}'
        ) from error


def _parts(cfg, name: str) -> tuple[dict, dict]:
    """The configs of backbone and preprocessor."""
    inner = network_settings(cfg)
    if not inner.get('backbone') or cfg.get('default_scope') == 'mmpretrain':
        raise UserError(
            f"{name}: has no detector's model.backbone; give such a config"
        )
    return backbone_settings(cfg), _preprocessor_cfg(cfg, inner)


def backbone_settings(cfg) -> dict:
    """The config of a backbone, without what it starts from."""
    return {
        key: value
        for key, value in (network_settings(cfg).get('backbone') or {}).items()
        if key not in ('init_cfg', 'pretrained')
    }


def shared_head_of(cfg) -> dict | None:
    """The config of a backbone's last stage that a head runs (C4)."""
    shared = (network_settings(cfg).get('roi_head') or {}).get('shared_head')
    return shared if hasattr(shared, 'get') else None


def side_of(detector: Detector) -> DetectorSide:
    """What was built already, or what a config gives."""
    if isinstance(detector, DetectorSide):
        return detector
    return build_detector(detector)


def _preprocessor_cfg(cfg, inner) -> dict:
    own = inner.get('data_preprocessor')
    mine = isinstance(own, dict) and own
    settings = mine or preprocessor_settings(cfg)
    if not settings:
        return {'type': 'DetDataPreprocessor'}
    if settings.get('data_preprocessor'):  # of several branches
        settings = settings['data_preprocessor']
    return dict(settings)
