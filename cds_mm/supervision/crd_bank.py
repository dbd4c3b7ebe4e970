"""Memory bank of CRD: an embedding layer and its stored embeddings."""

import math

import torch
from mmengine.dist import broadcast
from torch import Tensor, nn

from cds_mm.distributed import mean_over_ranks
from cds_mm.errors import UserError
from cds_mm.losses import unit_rows


class EmbeddingBank(nn.Module):
    """The embedding of one side, and where each image was embedded before.

    Args:
        channels: width of the pooled vectors.
        width: D of the embedding.

    Attributes:
        bank: (n, D) stored embeddings; None without a training set.
        constant: scalar Z that the scores of this side are divided by; 0
            before the first batch, None without a training set.
    """

    bank: Tensor
    constant: Tensor

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.embed = nn.Linear(channels, width)
        self.register_buffer('bank', None)
        self.register_buffer('constant', None)

    def connect_data(self, size: int, generator: torch.Generator) -> None:
        """A random bank of ``size`` rows, the same on every rank."""
        weight = self.embed.weight
        bound = math.sqrt(3 / self.embed.out_features)
        bank = weight.new_empty(size, self.embed.out_features)
        broadcast(bank.uniform_(-bound, bound, generator=generator))
        self.bank, self.constant = bank, bank.new_zeros(())

    def forward(self, features: Tensor) -> Tensor:
        """(B, C) pooled vectors to (B, D) unit rows, without autocast."""
        with torch.autocast(features.device.type, enabled=False):
            return unit_rows(self.embed(features.to(self.embed.weight.dtype)))

    def over_constant(self, raw: Tensor) -> Tensor:
        """Divide (B, K+1) scores by Z, which the first batch of all fixes."""
        if not self.constant:
            # The mean over all ranks, however many rows each of them has.
            rows = raw.detach().mean(1)
            total = mean_over_ranks(rows.sum())
            count = mean_over_ranks(rows.new_tensor(len(rows)))
            self.constant.copy_(len(self.bank) * total / count)
        return raw / self.constant

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # What does not train has no use for a bank, and the host would keep
        # the random one, with a warning, where the sizes differ.
        for name in ('bank', 'constant'):
            own, given = getattr(self, name), state_dict.get(prefix + name)
            if given is None:
                continue
            if own is None:
                del state_dict[prefix + name]
            elif own.shape != given.shape:
                raise UserError(
                    f'{prefix}{name}: is {tuple(given.shape)} in the '
                    f'checkpoint and {tuple(own.shape)} for this training '
                    'set, one row for each image; go on with the data set '
                    'that it was trained with, or start again from an '
                    'exported backbone'
                )
        super()._load_from_state_dict(state_dict, prefix, *args)
