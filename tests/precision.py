"""What torch says of TF32, in the way of its version."""

import torch


def tf32() -> tuple:
    """The settings of convolutions and of matrix products."""
    conv = getattr(torch.backends.cudnn, 'conv', None)
    if hasattr(conv, 'fp32_precision'):
        return conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    products = torch.get_float32_matmul_precision()
    return torch.backends.cudnn.allow_tf32, products


def full_precision() -> tuple:
    """The same settings where TF32 is off."""
    conv = getattr(torch.backends.cudnn, 'conv', None)
    if hasattr(conv, 'fp32_precision'):
        return 'ieee', 'ieee'
    return False, 'highest'
