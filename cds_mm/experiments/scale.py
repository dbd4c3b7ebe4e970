"""Scales: the published recipe, or a named smaller one."""

import copy
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from cds_mm.config import load_config, type_name
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS

PUBLISHED = 'published'
PLAIN_RESNETS = ('ResNet', 'ResNet_CIFAR')
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
        data: the data sets that it is for, None for any.
        about: what the file says of itself.
        teachers: the scale that teachers are trained at, this one unless it
            is named.
    """

    name: str = PUBLISHED
    width: float = 1.0
    epochs: float = 1.0
    override: dict = field(default_factory=dict)
    data: tuple[str, ...] | None = None
    about: str = 'The published recipe.'
    teachers: str = ''

    def of_teachers(self) -> 'Scale':
        """The scale of what is learned from."""
        return load_scale(self.teachers) if self.teachers else self

    def apply(self, config: Config, data: str) -> Config:
        """A copy of a leaf config at this scale.

        Args:
            config: the leaf's.
            data: what its name calls its data set.

        Raises:
            UserError: the scale is not for such a config.
        """
        if self.data is not None and data not in self.data:
            raise UserError(
                f'--scale {self.name}: is for {", ".join(self.data)}, not '
                f'for {data}; write another in configs/_base_/scales'
            )
        config = Config(config._cfg_dict.to_dict(), filename=config.filename)
        # What a leaf is without, e.g. a validation, stays away.  A copy: the
        # host takes `_delete_` out of what it merges.
        override = {
            key: value
            for key, value in copy.deepcopy(self.override).items()
            if config.get(key, value) is not None
        }
        config.merge_from_dict(override)
        if self.width != 1:
            self._narrow(config.model)
        if self.epochs != 1:
            self._shorten(config)
        return config

    def _narrow(self, model):
        kind = model.backbone.type
        if kind not in PLAIN_RESNETS:
            raise UserError(
                f'--scale {self.name}: narrows {", ".join(PLAIN_RESNETS)}, '
                f'but {kind} has widths of its own; choose another model'
            )
        for key in ('base_channels', 'stem_channels'):
            model.backbone[key] = round(
                model.backbone.get(key, 64) * self.width
            )
        for part in (model.get('neck'), model.get('head')):
            if 'in_channels' in (part or {}):
                part.in_channels = round(part.in_channels * self.width)

    def _shorten(self, config):
        epochs = max(1, round(config.train_cfg.max_epochs * self.epochs))
        schedule = config.param_scheduler
        if not (
            isinstance(schedule, dict)
            and type_name(schedule) == 'CosineAnnealingLR'
            and 'T_max' in schedule
        ):
            raise UserError(
                f'--scale {self.name}: shortens one cosine alone, but the '
                'schedule is another; override param_scheduler in its file'
            )
        config.train_cfg.max_epochs = schedule['T_max'] = epochs


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
        parts.get('data'),
        path.read_text().split('"""')[1].strip(),
        parts.get('teachers', ''),
    )
