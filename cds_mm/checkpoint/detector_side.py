"""What a detector does with an image, up to the end of its backbone."""

from dataclasses import dataclass, field

import torch
from torch import nn

from cds_mm.checkpoint.probe_image import SIDE, raw_image, stage_features
from cds_mm.config.network_input import (
    OTHER,
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


class NotTriedError(UserError):
    """A detector takes no such image."""


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

    def inputs(
        self, loader: str | None = None, size: int = SIDE
    ) -> torch.Tensor:
        """The probe image as this detector's backbone gets it.

        Args:
            loader (str | None): The order of the loader, where it is not
                known.
            size (int): Pixels along each side.

        Returns:
            torch.Tensor: float32, (1, 3, size, size), on the backbone's
            device.

        Raises:
            NotTriedError: The preprocessor takes no such image.
        """
        image = raw_image(self.loader or loader or 'bgr', size)
        inputs = self._preprocessed(image)
        device = next(self.backbone.parameters()).device
        # Whatever was padded lies at the right and the bottom.
        return inputs[..., :size, :size].to(device)

    def features(
        self, loader: str | None = None, size: int = SIDE
    ) -> dict[int, torch.Tensor]:
        """What each stage computes of the probe image.

        Args:
            loader (str | None): As of :meth:`inputs`.
            size (int): As of :meth:`inputs`.

        Raises:
            NotTriedError: The preprocessor or the backbone does not take it.
        """
        inputs = self.inputs(loader, size)
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

    def _not_comparable(self, part: str, error: Exception) -> NotTriedError:
        return NotTriedError(
            f'{self.name}: its {part} cannot be tried on a single image '
            f'({first_line(error)[:120]}); {ACCEPT} compares the weights '
            'instead of what is computed'
        )
