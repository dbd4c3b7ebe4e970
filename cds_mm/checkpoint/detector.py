"""A detector's backbone and preprocessor, as its config makes them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from torch import nn

from cds_mm import configfile
from cds_mm.checkpoint.channels import loader_order
from cds_mm.checkpoint.probe import SIDE, raw_image
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


def build_detector(config) -> DetectorSide:
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

    cfg, name = load_config(config)
    model = cfg.get('model') or {}
    # Semi-supervised wrappers hold the detector one level deeper.
    inner = model.get('detector') or model
    if not inner.get('backbone'):
        raise UserError(
            f'{name}: has no model.backbone; give the config of a detector'
        )
    backbone = {
        key: value
        for key, value in inner['backbone'].items()
        if key not in ('init_cfg', 'pretrained')
    }
    preprocessor = _preprocessor_cfg(cfg, model, inner)
    try:
        with DefaultScope.overwrite_default_scope('mmdet'):
            return DetectorSide(
                name,
                MODELS.build(backbone),
                MODELS.build(preprocessor),
                loader_order(cfg),
                (_pretrained(cfg) or {}).get('prefix'),
            )
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise UserError(
            f'{name}: its backbone cannot be built '
            f'({first_line(error)[:160]}); mend the config'
        ) from error


def _preprocessor_cfg(cfg, model, inner) -> dict:
    settings = inner.get('data_preprocessor') or model.get('data_preprocessor')
    settings = settings or cfg.get('data_preprocessor')
    if settings is None:
        return {'type': 'DetDataPreprocessor'}
    if settings.get('data_preprocessor'):  # of several branches
        settings = settings['data_preprocessor']
    return dict(settings)


def load_config(config):
    """Loads a config by ``package::path``, by file, or takes it as it is.

    Args:
        config (str | Path | Config): The config.

    Returns:
        tuple[Config, str]: The config and its name for messages.

    Raises:
        UserError: No such package or file, or a config with an error.
    """
    if isinstance(config, dict):  # a Config is none
        return config, 'the config'
    if isinstance(config, Config):
        return config, Path(config.filename or 'the config').name
    return configfile.load_config(str(config)), str(config)


def find_pretrained(cfg) -> str | None:
    """The checkpoint that a detector's backbone starts from.

    Args:
        cfg (Config | dict): A detection config.

    Returns:
        str | None: ``checkpoint`` of the backbone's ``init_cfg`` of type
        'Pretrained', a path or a URL; none without one.
    """
    init = _pretrained(cfg)
    return None if init is None else str(init['checkpoint'])


def _pretrained(cfg) -> dict | None:
    """The backbone's ``init_cfg`` of type 'Pretrained'."""
    model = cfg.get('model') or {}
    backbone = (model.get('detector') or model).get('backbone') or {}
    settings = backbone.get('init_cfg') or []
    for init in [settings] if isinstance(settings, dict) else settings:
        if init.get('type') == 'Pretrained' and init.get('checkpoint'):
            return init
    return None
