"""Settings of the optimizer that match or mean nothing."""

import inspect
import math
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

import torch
from mmengine.config import Config
from torch import nn

from cds_mm.config import (
    backbone_starts_from_weights,
    names_weights,
)
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

_WRAPPER = 'optim_wrapper'
_CLIPS: dict[str, tuple[Callable[..., Any], str]] = {
    'norm': (torch.nn.utils.clip_grad_norm_, 'max_norm'),
    'value': (torch.nn.utils.clip_grad_value_, 'clip_value'),
}
# What MMEngine's own constructor reads.
_PARAMWISE = (
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'dwconv_decay_mult',
    'flat_decay_mult',
    'bypass_duplicate',
    'dcn_offset_lr_mult',
)
_OF_A_KEY = ('lr_mult', 'decay_mult')
_LIKE = 0.8  # of two names, from 0 to 1


def check_optimizer(cfg: Config) -> None:
    """See that the settings of the optimizer let the network learn.

    Args:
        cfg: of a training.

    Raises:
        UserError: a rate, or a bound of the gradient, that is not above 0;
            a setting that nothing reads.
    """
    for key, wrapper in _wrappers(cfg):
        rate = (wrapper.get('optimizer') or {}).get('lr')
        if isinstance(rate, int | float) and not _above_zero(rate):
            said = (
                f'{key}.optimizer.lr={rate}: nothing would be learned; set a '
                'rate above 0'
            )
            if rate != 0:
                raise UserError(said)
            warn(said)  # to look at what a run starts from
        if wrapper.get('clip_grad'):
            _check_clip(f'{key}.clip_grad', wrapper['clip_grad'])
        if not wrapper.get('constructor') and wrapper.get('paramwise_cfg'):
            _check_paramwise(f'{key}.paramwise_cfg', wrapper)


def warn_of_unmatched_keys(model: nn.Module, cfg: Config) -> None:
    """Warn of ``custom_keys`` that are in no parameter's name, but nearly so.

    One that is like no part of a name is meant for networks that have it.

    Args:
        model: built.
        cfg: of the run.
    """
    names = [name for name, _ in model.named_parameters()]
    parts = {part for name in names for part in name.split('.')}
    for key, wrapper in _wrappers(cfg):
        if wrapper.get('constructor'):
            continue
        paramwise = wrapper.get('paramwise_cfg') or {}
        for wanted in paramwise.get('custom_keys') or {}:
            if any(wanted in name for name in names):
                continue
            like = get_close_matches(wanted, parts, 1, _LIKE)
            if like:
                warn(
                    f'{key}.paramwise_cfg.custom_keys.{wanted}: in no '
                    f"parameter's name; did you mean {like[0]!r}?"
                )


def warn_of_kept_weights(model: nn.Module, cfg: Config) -> None:
    """Warn where ``lr_mult=0`` keeps weights as they are, at random values.

    Args:
        model: built.
        cfg: of the run.
    """
    if cfg.get('load_from') or backbone_starts_from_weights(cfg):
        return
    for key, wrapper in _wrappers(cfg):
        keys = (wrapper.get('paramwise_cfg') or {}).get('custom_keys') or {}
        still = [
            name
            for name, settings in keys.items()
            if isinstance(settings, dict) and settings.get('lr_mult') == 0
        ]
        kept = sum(
            weight.numel()
            for name, weight in model.named_parameters()
            if weight.dim() > 1
            and any(one in name for one in still)
            and not names_weights(cfg.model.get(name.split('.')[0]))
        )
        if kept:
            warn(
                f'{key}.paramwise_cfg.custom_keys.{still[0]}.lr_mult=0 keeps '
                f'{kept:,} weights at random values, since nothing is loaded'
            )


def _wrappers(cfg) -> Iterator[tuple[str, dict[str, Any]]]:
    """The wrappers of the optimizers: one, or one for each part of a model."""
    wrapper = cfg.get(_WRAPPER)
    if not isinstance(wrapper, dict):
        return
    if 'optimizer' in wrapper or 'type' in wrapper:
        yield _WRAPPER, wrapper
        return
    for name, inner in wrapper.items():
        if isinstance(inner, dict):
            yield f'{_WRAPPER}.{name}', inner


def _check_clip(key: str, clip: dict) -> None:
    kind = clip.get('type', 'norm')
    if kind not in _CLIPS:  # the host says so
        return
    function, bound = _CLIPS[kind]
    known = [*inspect.signature(function).parameters][1:]
    for name in clip:
        if name != 'type' and name not in known:
            like = get_close_matches(name, known, 1) or [bound]
            raise UserError(
                f'{key}.{name}: {function.__name__} takes no such setting; '
                f'did you mean {like[0]!r}?'
            )
    most = clip.get(bound)
    if not _above_zero(most):
        raise UserError(
            f'{key}.{bound}={most!r} must be a number above 0: gradients are '
            'scaled down to it'
        )


def _check_paramwise(key: str, wrapper: dict) -> None:
    paramwise = wrapper['paramwise_cfg']
    _check_known(key, paramwise, _PARAMWISE)
    # Other settings are handed to the optimizer's groups as they are, where
    # the optimizer or a hook may read them.
    for name, settings in (paramwise.get('custom_keys') or {}).items():
        if isinstance(settings, dict):
            _check_known(f'{key}.custom_keys.{name}', settings, _OF_A_KEY)


def _check_known(key: str, settings: dict, known: tuple[str, ...]) -> None:
    """Refuse what is like a known setting; others may be for other code."""
    for name in settings:
        like = get_close_matches(name, known, 1, _LIKE)
        if name not in known and like:
            raise UserError(
                f'{key}.{name}: nothing reads it; did you mean {like[0]!r}?'
            )


def _above_zero(value) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not math.isnan(value)
        and value > 0
    )
