"""How many views of each image a model needs, and what the data gives."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mmengine.config import Config
from torch import nn

from cds_mm.config import leaf_configs, training_views
from cds_mm.config.view_settings import advice_for_views
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError

# Models of a host that compare views in pairs.
_OF_HOSTS = {'BYOL': 2}


class Need(NamedTuple):
    """What one part of a model needs.

    Attributes:
        who: the part, for people.
        number: of views.
        is_exact: whether more of them do not fit either.
    """

    who: str
    number: int
    is_exact: bool

    def is_met_by(self, given: int) -> bool:
        """Whether so many views fit."""
        return given == self.number or (
            not self.is_exact and given > self.number
        )

    def refusal(self, given: int) -> str:
        """What is wrong with so many."""
        least = '' if self.is_exact else 'at least '
        views = 'view' if self.number == 1 else 'views'
        return (
            f'{self.who} needs {least}{self.number} {views} of each image, '
            f'the data gives {given}'
        )


def needed_views(model: nn.Module) -> Iterator[Need]:
    """What each part of a model needs; nothing of a model without views.

    Args:
        model: wrapped or not.
    """
    model = unwrapped(model)
    name = type(model).__name__
    if name in _OF_HOSTS:
        yield Need(f'model {name}', _OF_HOSTS[name], True)
    for name, supervision in getattr(model, 'supervisions', {}).items():
        who = f'supervision {name}'
        exactly = getattr(supervision, 'num_views', None)
        if exactly is not None:
            yield Need(who, exactly, True)
        elif getattr(supervision, 'views', None):
            yield Need(who, max(supervision.views) + 1, False)


def check_views(model: nn.Module, cfg: Config) -> None:
    """Refuse a training whose data gives another number of views.

    Args:
        model: as it is built.
        cfg: of the run; without a training set of its own it is not looked
            at.

    Raises:
        UserError: the first part whose need is not met, with the line for
            the config where its base has such views.
    """
    loader = cfg.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        return
    needs = [*needed_views(model)]
    if not needs:
        return
    plain = cfg._cfg_dict
    for leaf in leaf_configs(plain['train_dataloader']['dataset']):
        given = len(training_views(plain, leaf))
        for need in needs:
            if not need.is_met_by(given):
                raise UserError(
                    'train_dataloader.dataset.pipeline: '
                    f'{need.refusal(given)}; '
                    f'{advice_for_views(cfg, need.number)}'
                )
