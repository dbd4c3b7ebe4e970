"""In which precision values are computed."""

from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return a tensor of half precision in float32, others as they are.

    Under autocast the hosts hand over maps of 16 bits, for which several
    kernels of torchvision do not exist.
    """
    narrow = tensor.is_floating_point() and tensor.dtype.itemsize < 4
    return tensor.float() if narrow else tensor
