"""The forward pass and the loss of one batch, before a run begins."""

import contextlib
import copy
import multiprocessing
import random
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from cds_mm.data.first_batch import first_batch
from cds_mm.distributed import world_size
from cds_mm.errors import UserError
from cds_mm.hooks.unreached import check_all_reached
from cds_mm.outcome import one_line, user_message

# What a step that does not fit raises; other faults keep their traceback.
OF_THE_SETTINGS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@HOOKS.register_module()
class TrialStepHook(Hook):
    """Compute the loss of one batch and forget all of it, in every rank.

    Shapes that do not fit, a window larger than its map or a temperature of
    zero would else show in the first step, as a traceback.  A copy of the
    model sees two images of the first batch, and the whole of it where these
    have failed, since samplers and losses may need more than two; several
    ranks, which have to agree, see the whole of it at once.  The batch is
    loaded by a process of its own, and generators and message hub are put
    back: the run is the same with this hook and without it.
    """

    # After every hook that may still change the model or the data.
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Try it.

        Raises:
            UserError: the first step would fail.
        """
        if not _can_be_tried(runner):
            return
        whole = world_size() > 1
        try:
            _try(runner, whole)
        except Exception:
            if whole:
                raise
            _try(runner, whole=True)


def is_done(runner: Runner) -> bool:
    """Whether a training has no step left, as after a resume at its end."""
    return runner.iter >= runner.max_iters or runner.epoch >= runner.max_epochs


def _can_be_tried(runner) -> bool:
    model = runner.model
    if isinstance(model, MMDistributedDataParallel):
        model = model.module
    return (
        not is_done(runner)
        and isinstance(runner.train_dataloader, DataLoader)
        # Elsewhere the data would have to be sent to the other process.
        and multiprocessing.get_start_method() == 'fork'
        and isinstance(model, BaseModel)
        # One with a step of its own decides itself what a step is.
        and type(model).train_step is BaseModel.train_step
        # A wrapper that shares out the weights has no copy of them.
        and not any(
            isinstance(p, nn.parameter.UninitializedParameter)
            or type(p) not in (nn.Parameter, torch.Tensor)
            for p in model.parameters()
        )
    )


def _try(runner, whole: bool) -> None:
    model = runner.model
    if isinstance(model, MMDistributedDataParallel):
        model = model.module
    with unchanged(runner.message_hub):
        # What the data set says of its files is a line already.
        batch = first_batch(runner.train_dataloader, None if whole else 2)
        if batch is None:
            return
        names = {id(part): name for name, part in model.named_modules()}
        memo: dict[int, Any] = {}
        try:
            trial = copy.deepcopy(model, memo)
        except Exception:  # holds what cannot be copied
            return
        copied = {
            id(memo[key]): name for key, name in names.items() if key in memo
        }
        try:
            trial.train()
            with runner.optim_wrapper.optim_context(trial):
                data = trial.data_preprocessor(batch, True)
                losses = trial._run_forward(data, mode='loss')
            loss, _ = trial.parse_losses(losses)
            check_all_reached(runner.model, trial, loss)
        except OF_THE_SETTINGS as error:
            raise _readable(error, copied, runner.cfg) from error


def _readable(error, names, cfg) -> Exception:
    if isinstance(error, UserError) or user_message(error):
        return error
    said = one_line(error) or _failed_statement(error)
    where = _module(error, names)
    at = f' in model{"." if where else ""}{where}' if where is not None else ''
    return UserError(
        f'config {cfg.filename}: the first step fails{at} '
        f'({type(error).__name__}: {said}); fix the settings of that part '
        '(CDS_MM_DEBUG=1 shows where)'
    )


def _failed_statement(error) -> str:
    """The line of code that an error without a message comes from."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return last.line or type(error).__name__


def _module(error, names) -> str | None:
    """The name of the innermost module that an error came through."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_locals.get('self')
        found = names.get(id(module), found)
    return found


@contextlib.contextmanager
def unchanged(hub) -> Iterator[None]:
    """Put generators, message hub and the tuning of cuDNN back."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = (
        range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    )
    scalars = copy.deepcopy(hub._log_scalars)
    infos = dict(hub._runtime_info)
    tuned = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        torch.backends.cudnn.benchmark = tuned
        random.setstate(python)
        np.random.set_state(numpy)
        hub._log_scalars.clear()
        hub._log_scalars.update(scalars)
        hub._runtime_info.clear()
        hub._runtime_info.update(infos)
