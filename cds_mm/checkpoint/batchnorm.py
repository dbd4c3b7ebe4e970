"""Re-estimates BatchNorm statistics on the data that will be seen later."""

import contextlib
import copy
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.config.network_input import flipped, input_of, loader_order
from cds_mm.errors import UserError
from cds_mm.modes import evaluation_mode


def reestimate_batchnorm(
    model: nn.Module, batches: Iterable[torch.Tensor]
) -> int:
    """Replaces running statistics by averages over the given batches.

    Detectors freeze the statistics, and training with two views mixed both
    into them.  Only BatchNorm layers run in training mode; a cumulative
    average gives each batch the same weight.

    Args:
        model (nn.Module): Changed in place; modes come back as they were.
        batches (Iterable[torch.Tensor]): float32, (B, 3, H, W), normalised.

    Returns:
        int: The number of images.

    Raises:
        UserError: No BatchNorm layer with statistics, or no image.
    """
    layers = [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]
    if not layers:
        raise UserError(
            'the backbone has no BatchNorm statistics; leave out '
            '--reestimate-bn'
        )
    seen = 0
    with torch.no_grad(), _only_these_train(model, layers):
        for batch in batches:
            if seen == 0:  # not before there is something to replace them
                for layer in layers:
                    layer.reset_running_stats()
            model(batch)
            seen += len(batch)
    if seen == 0:
        raise UserError(
            'no image came to re-estimate BatchNorm on; check the '
            "config's train_dataloader"
        )
    return seen


@contextlib.contextmanager
def _only_these_train(model: nn.Module, layers: list[_BatchNorm]):
    momenta = [layer.momentum for layer in layers]
    try:
        with evaluation_mode(model):
            for layer in layers:
                layer.train()
                layer.momentum = None  # torch's sign for a cumulative average
            yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def check_input(cfg, name: str, record: BackboneRecord) -> None:
    """Refuses a config whose images the network would see otherwise.

    Args:
        cfg (Config): A full training config.
        name (str): Its name, for the message.
        record (BackboneRecord): The backbone record.

    Raises:
        UserError: Another channel order, mean or std than recorded.
    """
    for key, value in input_of(cfg).items():
        # An unknown order is refused where the images are loaded.
        trained = getattr(record, key)
        if value is not None and value != trained:
            raise UserError(
                f'--reestimate-bn {name}: has {key}={value}, the backbone '
                f'was trained with {trained}; name the config that '
                'trained it'
            )


def first_views(
    cfg, record: BackboneRecord, images: int
) -> Iterator[torch.Tensor]:
    """Batches of first views from a training config's own loader.

    All of a view is done there, as with ``--parity``.  They are the same
    each time, with any number of workers.

    Args:
        cfg (Config): A full training config.
        record (BackboneRecord): Its mean and std normalise.
        images (int): How many images at most.

    Yields:
        torch.Tensor: float32, (B, 3, H, W), normalised, in the channel
        order that the network sees.

    Raises:
        UserError: The config has no loader, or one of unknown order.
    """
    from mmengine.registry import DefaultScope
    from mmengine.runner import Runner

    from cds_mm.config import use_parity
    from cds_mm.data.seeding import seed_fetches

    if not cfg.get('train_dataloader'):
        raise UserError(
            '--reestimate-bn: the config has no train_dataloader; name the '
            'training config'
        )
    use_parity(cfg := copy.deepcopy(cfg))
    order = _known_order(cfg)
    mean = torch.tensor(record.mean).view(-1, 1, 1)
    std = torch.tensor(record.std).view(-1, 1, 1)
    left = images
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
        seed_fetches(loader.dataset, seed=0)
        for data in loader:
            if left <= 0:
                return
            batch = _first_view(data['inputs'])[:left].float()
            left -= len(batch)
            if flipped(order) == record.channel_order:
                batch = batch.flip(1)
            yield (batch - mean) / std


def _known_order(cfg) -> str:
    order = loader_order(cfg)
    if order is None:
        raise UserError(
            '--reestimate-bn: the channel order of the loader in the config '
            'is unknown; load with LoadImageFromFile or LoadRGBImage'
        )
    return order


def _first_view(inputs) -> torch.Tensor:
    """(B, 3, H, W) from whatever a collate function made of the views."""
    if isinstance(inputs, torch.Tensor):
        return inputs
    first = inputs[0]
    if isinstance(first, torch.Tensor) and first.dim() == 4:
        return first  # stacked views
    # Views of images that are not stacked, or such images without views.
    images = inputs if isinstance(first, torch.Tensor) else first
    return torch.stack(list(images))
