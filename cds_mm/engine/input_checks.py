"""Whether a network sees images as it saw them in training."""

from typing import Any

from mmengine.config import Config

from cds_mm.config import is_detection, preprocessor_settings
from cds_mm.config.differences import differences
from cds_mm.config.image_order import dataset_order
from cds_mm.config.network_input import (
    input_of,
    network_order,
    reverses,
    statistics,
)
from cds_mm.config.recorded import recorded_settings
from cds_mm.config.resumed import other_task
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# Of a model: what training alone reads, what is set to test in another way on
# purpose, and what is compared as the input.
_NOT_COMPARED = (
    'train_cfg test_cfg init_cfg pretrained memory_format data_preprocessor '
    'frozen_stages norm_eval with_cp supervisions branches teacher frozen'
).split()
_MOST = 3  # differences that a warning names
_TRAIN = 'train_dataloader'


def check_preprocessor(cfg: Config) -> None:
    """See that a model's own preprocessor does not hide the one at the top.

    The host takes the model's as a whole, so that one with a single key has
    no mean and no std.

    Raises:
        UserError: the one at the top normalises, the model's does not.
    """
    own = (cfg.get('model') or {}).get('data_preprocessor')
    top = cfg.get('data_preprocessor')
    if not isinstance(own, dict) or not isinstance(top, dict):
        return
    if 'type' in own or 'mean' in own or not top.get('mean'):
        return
    key = next(iter(own), 'mean')
    raise UserError(
        f'model.data_preprocessor.{key}: takes the place of data_preprocessor '
        f'as a whole, without its mean and std; set data_preprocessor.{key}'
    )


def check_split_inputs(cfg: Config, splits: tuple[str, ...]) -> None:
    """See that all splits hand images out in one order of the channels.

    A test is compared with its checkpoint instead, see
    :func:`check_trained_input`.

    Args:
        cfg: of a run.
        splits: that it uses.

    Raises:
        UserError: two orders are known, and differ.
    """
    if 'train' not in splits:
        return
    trained = _order(cfg, 'train')
    for split in splits:
        order = _order(cfg, split)
        if None in (trained, order) or trained == order:
            continue
        raise UserError(
            f'{split}_dataloader: its images are {str(order).upper()}, those '
            f'of {_TRAIN} {str(trained).upper()}, and one preprocessor serves '
            f'both; take the loader of {_TRAIN}.dataset.pipeline in '
            f'{split}_dataloader.dataset.pipeline too'
        )


def check_trained_input(cfg: Config, meta: dict) -> None:
    """Compare a test with the training that wrote its checkpoint.

    Args:
        cfg: of the test.
        meta: of the checkpoint; nothing is compared where it has no config.

    Raises:
        UserError: another order, mean or std of the images.
    """
    before = recorded_settings(meta.get('cfg'))
    other = other_task(before, cfg)
    if other:
        raise UserError(
            f'{cfg.load_from}: {other}; use the config that it was trained '
            'with'
        )
    if before.get('model') and preprocessor_settings(before):
        _check_same_input(before, cfg)
        _warn_of_another_model(before, cfg)


def _check_same_input(before: dict[str, Any], cfg: Config) -> None:
    then = input_of(before)
    settings = preprocessor_settings(cfg)
    mean, std = statistics(settings)
    order = network_order(_order(cfg, 'test'), settings)
    if order and then['channel_order'] not in (None, order):
        trained = then['channel_order'].upper()
        switch = 'bgr_to_rgb' if is_detection(cfg) else 'to_rgb'
        raise UserError(
            f'{cfg.load_from}: was trained on {trained}, the test gives it '
            f'{order.upper()}; set {_place(cfg)}.{switch}='
            f'{not reverses(settings)}, or load as in training'
        )
    for name, ours in (('mean', mean), ('std', std)):
        if ours != then[name]:
            shown = str(then[name]).replace(' ', '')
            raise UserError(
                f'{cfg.load_from}: was trained with {name}={shown}, the test '
                f'has {ours}; set {_place(cfg)}.{name}="{shown}"'
            )


def _warn_of_another_model(before: dict[str, Any], cfg: Config) -> None:
    found = differences(
        'model', before.get('model'), cfg.get('model'), _NOT_COMPARED
    )
    then, now = (_pipeline(one) for one in (before, cfg))
    if then and now:
        found += differences('test_dataloader.dataset.pipeline', then, now)
    if found:
        more = f' and {len(found) - _MOST} more' if found[_MOST:] else ''
        warn(
            f'{"; ".join(map(str, found[:_MOST]))}{more} in the config that '
            f'{cfg.load_from} was trained with; figures may be others'
        )


def _pipeline(cfg) -> list | None:
    """Of the test's own data set; wrapped ones have none of their own."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    return dataset.get('pipeline')


def _order(cfg, split: str) -> str | None:
    dataset = (cfg.get(f'{split}_dataloader') or {}).get('dataset')
    return dataset_order(dataset) if dataset else None


def _place(cfg) -> str:
    own = (cfg.get('model') or {}).get('data_preprocessor')
    return 'model.data_preprocessor' if own else 'data_preprocessor'
