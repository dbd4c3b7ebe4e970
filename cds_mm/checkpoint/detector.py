"""A detector's backbone and preprocessor, as its config makes them."""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

from cds_mm.checkpoint.probe_image import SIDE, raw_image
from cds_mm.config import (
    named_config,
    network_settings,
    preprocessor_settings,
    pretrained_init,
)
from cds_mm.config.files import ConfigOrName
from cds_mm.config.network_input import (
    OTHER,
    loader_order,
    reverses,
    statistics,
)
from cds_mm.errors import UserError, first_line


@dataclass
class DetectorSide:
    """What meets a pretrained file in a detection run.

    ``loader`` is the channel order in which images come from the pipeline;
    none where its loader is unknown (then 'bgr' is assumed).  ``prefix`` is
    what the config's own ``init_cfg`` asks for.
    """

    name: str
    backbone: nn.Module
    preprocessor: nn.Module
    loader: str | None
    prefix: str | None = None

    @property
    def channel_order(self) -> str:
        """What its backbone sees, 'rgb' or 'bgr'."""
        order = self.loader or 'bgr'
        return OTHER[order] if reverses(self.preprocessor) else order

    @property
    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and std, three numbers each, on 0 to 255."""
        return statistics(self.preprocessor)

    def inputs(self) -> torch.Tensor:
        """The probe image as this detector's backbone gets it.

        Returns:
            torch.Tensor: float32, (1, 3, 128, 128), on the backbone's
            device.
        """
        image = raw_image(self.loader or 'bgr')
        data = self.preprocessor({'inputs': [image], 'data_samples': None})
        inputs = data['inputs']
        device = next(self.backbone.parameters()).device
        # Whatever was padded lies at the right and the bottom.
        return inputs[..., :SIDE, :SIDE].to(device)


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
    from cds_mm import ops

    ops.install()
    import mmdet.models  # noqa: F401
    import mmpretrain.models  # noqa: F401
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    cfg, name = named_config(config)
    backbone, preprocessor = _parts(cfg, name)
    try:
        with DefaultScope.overwrite_default_scope('mmdet'):
            return DetectorSide(
                name,
                MODELS.build(backbone),
                MODELS.build(preprocessor),
                loader_order(cfg),
                (pretrained_init(cfg) or {}).get('prefix'),
            )
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(
            f'{name}: its backbone cannot be built '
            f'({first_line(error)[:160]}); mend the config'
        ) from error


def _parts(cfg, name: str) -> tuple[dict, dict]:
    """The configs of backbone and preprocessor."""
    inner = network_settings(cfg)
    if not inner.get('backbone'):
        raise UserError(
            f'{name}: has no model.backbone; give the config of a detector'
        )
    backbone = {
        key: value
        for key, value in inner['backbone'].items()
        if key not in ('init_cfg', 'pretrained')
    }
    return backbone, _preprocessor_cfg(cfg, inner)


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
