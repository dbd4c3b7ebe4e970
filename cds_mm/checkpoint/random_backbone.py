"""A backbone of random weights that hides nothing."""

import torch
from torch import nn

from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.source import build_source

_SEED = 0


def random_backbone(record: BackboneRecord, name: str) -> nn.Module:
    """A recorded backbone of which each layer shows in the features.

    A fresh one has statistics of 0 and 1, and blocks that start at zero.

    Args:
        record (BackboneRecord): Of the backbone.
        name (str): For messages.
    """
    source = build_source(record, name)
    generator = torch.Generator().manual_seed(_SEED)
    for module in source.modules():
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):
            continue
        tensors = module.state_dict()
        with torch.no_grad():
            for key, low, high in (
                ('weight', 0.3, 1.0),
                ('bias', -0.2, 0.2),
                ('running_mean', -0.2, 0.2),
                ('running_var', 0.5, 2.0),
            ):
                if key in tensors:
                    tensors[key].uniform_(low, high, generator=generator)
    return source
