"""The schedule of learning rates that MMEngine lacks."""

import math
from typing import Any

from mmengine.optim.scheduler import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

from cds_mm.arguments import Count, Index, NonNegative, checked
from cds_mm.errors import UserError


@PARAM_SCHEDULERS.register_module()
class WarmUpCosineLR(_ParamScheduler):
    """A line by the iteration, which ends on a cosine by the epoch.

    With r the rate of the optimizer, f = ``eta_min_ratio`` r, E epochs in the
    cosine and W of warm-up, the cosine is

        c(e) = f + (r - f) (1 + cos(pi e / E)) / 2

    In iteration t after ``begin``, with N iterations in an epoch, the rate is
    ``start_factor`` r + (c(W) - ``start_factor`` r) t / (W N) in the first W
    epochs and c(e) in epoch e after them, counted from one: f in the last
    (SupContrast's code).  MMEngine's LinearLR and CosineAnnealingLR in a row
    go up to r and begin a cosine there.

    Args:
        optimizer: or its wrapper.
        T_max: E.
        warm_up: W.
        start_factor: of the first iteration's rate.
        eta_min_ratio: of the last epoch's rate.
        epoch_length: N, which MMEngine gives where the config has
            ``convert_to_iter_based=True``.
        by_epoch: whether it is built without that.
        **kwargs: ``begin``, ``end`` and ``last_step`` in iterations, and
            ``verbose``, as of MMEngine's schedulers.

    Raises:
        UserError: ``by_epoch``, for which the warm-up is too fine.
    """

    @checked
    def __init__(
        self,
        optimizer: Any,
        T_max: Count,
        warm_up: Index = 0,
        start_factor: NonNegative = 0.0,
        eta_min_ratio: NonNegative = 0.0,
        epoch_length: Count = 1,
        by_epoch: bool = True,
        **kwargs,
    ):
        if by_epoch:
            raise UserError(
                'param_scheduler: WarmUpCosineLR warms up by the iteration; '
                'set convert_to_iter_based=True in it'
            )
        self.T_max = T_max
        self.warm_up = warm_up
        self.start_factor = start_factor
        self.eta_min_ratio = eta_min_ratio
        self.epoch_length = epoch_length
        super().__init__(optimizer, 'lr', by_epoch=False, **kwargs)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args,
        begin: int = 0,
        end: int | None = None,
        epoch_length: int = 1,
        **kwargs,
    ) -> 'WarmUpCosineLR':
        """Build it from a config in epochs.

        Args:
            *args: as of the class.
            begin: epoch of the first change.
            end: epoch after the last change; None for none.
            epoch_length: iterations of an epoch.
            **kwargs: as of the class.
        """
        if end is not None:
            kwargs['end'] = end * epoch_length
        kwargs.update(
            begin=begin * epoch_length,
            epoch_length=epoch_length,
            by_epoch=False,
        )
        return cls(*args, **kwargs)

    def _cosine(self, epoch):
        share = (1 + math.cos(math.pi * min(epoch / self.T_max, 1))) / 2
        return self.eta_min_ratio + (1 - self.eta_min_ratio) * share

    def _get_value(self):
        """The rate of each parameter group in the current iteration."""
        rise = self.warm_up * self.epoch_length
        if self.last_step < rise:
            up = self._cosine(self.warm_up) - self.start_factor
            factor = self.start_factor + up * self.last_step / rise
        else:
            factor = self._cosine(self.last_step // self.epoch_length + 1)
        return [factor * base for base in self.base_values]
