"""A test in bfloat16 autocast, on a CPU or a GPU."""

import torch
from mmengine.registry import LOOPS
from mmengine.runner import TestLoop


@LOOPS.register_module()
class BFloat16TestLoop(TestLoop):
    """The host's test loop with bfloat16 for half precision.

    The host's ``fp16=True`` is bfloat16 on a CPU and float16 on a GPU.

    Arguments are those of the parent; ``fp16`` has to be True.
    """

    def run(self) -> dict:
        """Test; the device's default for autocast is put back."""
        before = torch.get_autocast_dtype('cuda')
        torch.set_autocast_dtype('cuda', torch.bfloat16)
        try:
            return super().run()
        finally:
            torch.set_autocast_dtype('cuda', before)
