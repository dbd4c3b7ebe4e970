"""Which learning rates a run will have, found by running its schedulers."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import Runner

_POINTS = 200  # of a loop by iteration, which has no epochs


@dataclass(frozen=True)
class Length:
    """How long a run is, in the units of its schedulers.

    Attributes:
        epochs: in all; 1 for a loop by iteration.
        epoch_length: iterations of an epoch.
        by_epoch: whether the loop counts epochs.
    """

    epochs: int
    epoch_length: int
    by_epoch: bool

    @property
    def iterations(self) -> int:
        """In all."""
        return self.epochs * self.epoch_length


class Schedule:
    """Schedulers of a config over a parameter of their own.

    Args:
        configs: of the schedulers.
        group: the settings of a parameter group, with its learning rate.
        length: of the run, as the host uses it where ``end`` is not given.
        loader_length: iterations of a pass through the data.
    """

    def __init__(
        self,
        configs: Sequence[dict],
        group: dict[str, Any],
        length: Length,
        loader_length: int,
    ):
        settings = {k: v for k, v in group.items() if k != 'params'}
        # As before any scheduler was built over it, and has made a step.
        for key in [k for k in settings if k.startswith('initial_')]:
            settings[key.removeprefix('initial_')] = settings.pop(key)
        parameter = torch.nn.Parameter(torch.zeros(1))
        self.optimizer = torch.optim.SGD(
            [dict(settings, params=[parameter])], lr=settings['lr']
        )
        self.length = length
        self.schedulers = [
            self._build(config, loader_length) for config in configs
        ]
        self.optimizer.step()  # the host warns where this has not been

    def _build(self, config, loader_length):
        config = copy.deepcopy(config)
        by_epoch = config.get('by_epoch', True)
        config.setdefault(
            'end', self.length.epochs if by_epoch else self.length.iterations
        )
        return PARAM_SCHEDULERS.build(
            config,
            default_args=dict(
                optimizer=self.optimizer, epoch_length=loader_length
            ),
        )

    def load(self, states: Sequence[dict]) -> None:
        """Go on from the state of schedulers in a checkpoint."""
        for scheduler, state in zip(self.schedulers, states, strict=True):
            scheduler.load_state_dict(copy.deepcopy(state))

    def rates(self, start: int) -> dict[int, float]:
        """Learning rates of what is left, by the number of the period.

        A period is an epoch, or a part of a loop by iteration, which has
        the number of its first iteration.

        Args:
            start: number of the first epoch, or of the first iteration.
        """
        found = {}
        for number, iterations in self._periods(start):
            found[number] = self.optimizer.param_groups[0]['lr']
            for _ in range(iterations):
                self._step(by_epoch=False)
            self._step(by_epoch=True)
        return found

    def _periods(self, start):
        length = self.length
        if length.by_epoch:
            for epoch in range(start, length.epochs):
                yield epoch, length.epoch_length
            return
        # Of one grid, wherever it starts.
        size = max(1, length.iterations // _POINTS)
        while start < length.iterations:
            end = min((start // size + 1) * size, length.iterations)
            yield start, end - start
            start = end

    def _step(self, by_epoch):
        for scheduler in self.schedulers:
            if scheduler.by_epoch is by_epoch:
                scheduler.step()


def length_of(runner: Runner, limit: int) -> Length:
    """The length of a run with another limit than the config's."""
    if runner.cfg.train_cfg.get('max_epochs'):
        return Length(limit, len(runner.train_dataloader), True)
    return Length(1, limit, False)
