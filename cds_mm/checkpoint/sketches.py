"""Tensors told apart by a checksum and a few of their numbers."""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

# Numbers of a tensor that are kept, evenly spread.
_KEPT = 256
# Of the cosine between a tensor as loaded and as it is; of two independent
# tensors it is about 0.
_SAME_DIRECTION = 0.5
# Of the largest number kept, where a tensor was rounded to fewer bits.
_ROUNDING = 1e-2


class Sketch(NamedTuple):
    """What is kept of a tensor instead of a copy.

    Attributes:
        checksum: of all its numbers in float32.
        sample: some of them, on the CPU.
        shape: of the tensor.
    """

    checksum: int
    sample: Tensor
    shape: torch.Size

    def is_of(self, tensor: Tensor) -> bool:
        """Whether a tensor has the same numbers.

        Args:
            tensor: of any device and layout; where its type is shorter than
                float32, the sample is compared, up to rounding.
        """
        if tensor.shape != self.shape:
            return False
        other = sketch(tensor)
        if tensor.itemsize >= torch.float32.itemsize:
            return other.checksum == self.checksum
        allowed = _ROUNDING * self.sample.abs().max().item()
        return torch.allclose(other.sample, self.sample, _ROUNDING, allowed)

    def is_turned(self, tensor: Tensor) -> bool:
        """Whether a tensor points elsewhere, as one of a new start does."""
        if tensor.shape != self.shape:
            return True
        before, after = self.sample.double(), _sample(tensor).double()
        if torch.equal(before, after):  # both zero, too
            return False
        cosine = torch.cosine_similarity(before, after, dim=0)
        return bool(cosine < _SAME_DIRECTION)


def sketch(tensor: Tensor) -> Sketch:
    """Take the checksum and the sample of a tensor of real numbers."""
    numbers = tensor.detach().to('cpu', torch.float32).contiguous()
    checksum = zlib.crc32(numbers.numpy().tobytes())
    return Sketch(checksum, _sample(numbers), tensor.shape)


def sketches(state: Mapping[object, object]) -> dict[str, Sketch]:
    """Sketches of the dense tensors of floating numbers in a state dict."""
    return {
        key: sketch(value)
        for key, value in state.items()
        if isinstance(key, str)
        and isinstance(value, Tensor)
        and value.is_floating_point()
        and value.layout is torch.strided
        and not value.is_meta
    }


def most_are_turned(
    kept: Mapping[str, Sketch], state: Mapping[str, Tensor]
) -> bool:
    """Whether most kernels of a network are of a new start.

    Args:
        kept: what they were, by name.
        state: what they are; names that are gone count.
    """
    kernels = {k: v for k, v in kept.items() if len(v.shape) > 1}
    turned = sum(
        key not in state or one.is_turned(state[key])
        for key, one in kernels.items()
    )
    return 2 * turned > len(kernels)


def _sample(tensor: Tensor) -> Tensor:
    numbers = tensor.detach().flatten()
    step = max(1, numbers.numel() // _KEPT)
    return numbers[::step][:_KEPT].to('cpu', torch.float32, copy=True)
