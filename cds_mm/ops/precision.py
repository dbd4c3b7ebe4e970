"""In which precision the stand-ins compute."""

import torch
from torch import Tensor

_NARROW = (torch.float16, torch.bfloat16)


def widen(tensor: Tensor) -> Tensor:
    """Return `tensor` in float32 if it is float16 or bfloat16.

    Under autocast the hosts hand over maps of 16 bits, for which several
    kernels of torchvision do not exist.  float64 stays what it is.
    """
    return tensor.float() if tensor.dtype in _NARROW else tensor
