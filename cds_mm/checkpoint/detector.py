"""A detector's backbone and preprocessor, as its config makes them."""

from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import nn

from cds_mm.checkpoint.probe_image import SIDE, raw_image, stage_features
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
    network_order,
    reverses,
    statistics,
)
from cds_mm.errors import UserError, first_line

# What a user sets where a detector changes the function on purpose.
ACCEPT = (
    '--accept-changed-function (as a hook: VerifyPretrainedHook with '
    'accept_changed_function=True)'
)


@dataclass
class DetectorSide:
    """What meets a pretrained file in a detection run.

    Attributes:
        name: of its config, for messages.
        backbone: as its config builds it.
        preprocessor: as its config builds it.
        loader: the channel order in which images come from the pipeline;
            none where it is not known.
        prefix: what the config's own ``init_cfg`` asks for.
        config: of the backbone, without what it starts from.
        shared_head: config of the last stage, where a head runs it (C4).
    """

    name: str
    backbone: nn.Module
    preprocessor: nn.Module
    loader: str | None
    prefix: str | None = None
    config: dict = field(default_factory=dict)
    shared_head: dict | None = None

    @property
    def channel_order(self) -> str | None:
        """What its backbone sees, 'rgb' or 'bgr'; none if not known."""
        return network_order(self.loader, self.preprocessor)

    @property
    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and std, three numbers each, on 0 to 255."""
        return statistics(self.preprocessor)

    def loader_for(self, order: str) -> str:
        """The order that its loader has to give, so that it sees ``order``."""
        return OTHER[order] if reverses(self.preprocessor) else order

    def inputs(self, loader: str | None = None) -> torch.Tensor:
        """The probe image as this detector's backbone gets it.

        Args:
            loader (str | None): The order of the loader, where it is not
                known.

        Returns:
            torch.Tensor: float32, (1, 3, 128, 128), on the backbone's
            device.

        Raises:
            UserError: The preprocessor takes no such image.
        """
        image = raw_image(self.loader or loader or 'bgr')
        inputs = self._preprocessed(image)
        device = next(self.backbone.parameters()).device
        # Whatever was padded lies at the right and the bottom.
        return inputs[..., :SIDE, :SIDE].to(device)

    def features(self, loader: str | None = None) -> dict[int, torch.Tensor]:
        """What each stage computes of the probe image.

        Args:
            loader (str | None): As of :meth:`inputs`.

        Raises:
            UserError: The preprocessor or the backbone takes no such image.
        """
        inputs = self.inputs(loader)
        try:
            return stage_features(self.backbone, inputs)
        except Exception as error:  # code of anyone
            kind = type(self.backbone).__name__
            raise self._not_comparable(f'backbone {kind}', error) from error

    def _preprocessed(self, image: torch.Tensor) -> torch.Tensor:
        # An image; a clip of one frame (tracking); an image with a sample
        # that says nothing (ReID).
        attempts: list[tuple] = [
            (image, None),
            (image[None], None),
            (image, [{}]),
        ]
        errors = []
        for one, samples in attempts:
            try:
                data = {'inputs': [one], 'data_samples': samples}
                inputs = self.preprocessor(data)['inputs']
                if isinstance(inputs, dict):  # one entry for each branch
                    raise TypeError('it returns several inputs')
                inputs = inputs[:, 0] if inputs.dim() == 5 else inputs
                if inputs.dim() == 4 and inputs.shape[:2] == (1, 3):
                    return inputs
                raise TypeError(f'it returns {tuple(inputs.shape)}')
            except Exception as error:  # code of anyone
                errors.append(error)
        kind = type(self.preprocessor).__name__
        raise self._not_comparable(
            f'data_preprocessor {kind}', errors[0]
        ) from errors[0]

    def _not_comparable(self, part: str, error: Exception) -> UserError:
        return UserError(
            f'{self.name}: its {part} cannot be tried on a single image '
            f'({first_line(error)[:120]}); {ACCEPT} compares the weights '
            'instead of what is computed'
        )


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
        raise UserError(
            f'{name}: its {part} cannot be built '
            f'({first_line(error)[:160]}); fix the config'
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
