"""Scales: the published recipe, or a named smaller one."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from cds_mm.configfile import load_config
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS

PUBLISHED = 'published'
SCALES = CONFIGS / '_base_' / 'scales'


@dataclass(frozen=True)
class Scale:
    """How a leaf config is made smaller, the same for each of a row.

    Attributes:
        name: 'published', or the stem of a file in ``configs/_base_/scales``.
        width: factor on all channels of the network.
        epochs: factor on the epochs, so that runs with equal numbers of
            epochs, or of views, still have them.
        override: what else is merged over the config.
        about: what the file says of itself.
    """

    name: str = PUBLISHED
    width: float = 1.0
    epochs: float = 1.0
    override: dict = field(default_factory=dict)
    about: str = 'The published recipe.'

    def apply(self, config: Config) -> Config:
        """A copy of a leaf config at this scale."""
        config = Config(config._cfg_dict.to_dict(), filename=config.filename)
        # A copy: the host takes `_delete_` out of what it merges.
        config.merge_from_dict(copy.deepcopy(self.override))
        if self.width != 1:
            _narrow(config.model, self.width)
        epochs = max(1, round(config.train_cfg.max_epochs * self.epochs))
        config.train_cfg.max_epochs = epochs
        schedule = config.param_scheduler
        if isinstance(schedule, dict) and 'T_max' in schedule:
            schedule.T_max = epochs
        return config


def load_scale(name: str, folder: Path = SCALES) -> Scale:
    """Read a scale by its name.

    Raises:
        UserError: there is none of that name.
    """
    if name == PUBLISHED:
        return Scale()
    names = sorted(path.stem for path in folder.glob('*.py'))
    if name not in names:
        raise UserError(
            f'--scale {name}: no such scale; there are {PUBLISHED}, '
            f'{", ".join(names)}'
        )
    path = folder / f'{name}.py'
    parts = load_config(str(path))
    return Scale(
        name,
        parts.get('width', 1.0),
        parts.get('epochs', 1.0),
        parts.override.to_dict(),
        path.read_text().split('"""')[1].strip(),
    )


def _narrow(model, factor):
    backbone = model.backbone
    for key in ('base_channels', 'stem_channels'):
        backbone[key] = round(backbone.get(key, 64) * factor)
    model.head.in_channels = round(model.head.in_channels * factor)
