"""What makes a training step fast and leaves its result the same."""

import torch

from cds_mm.engine.amp import BFLOAT16, bfloat16_units, wrapper_kind
from cds_mm.engine.config import type_name
from cds_mm.engine.hooks import add_hooks
from cds_mm.engine.malloc import calm_malloc

# Detection trains as MMDetection does it.
_MODELS = ('DeepSupervisedClassifier', 'ImageClassifier')
_FUSED = ('SGD', 'Adam', 'AdamW')
KEPT = 'memory kept from step to step'


def use_fast_step(cfg, amp: bool = True) -> list[str]:
    """Turn on what this machine has, in the config of a training, in place.

    * On a CPU under glibc, memory that a step frees is kept for the next.
    * ``channels_last``: where values lie, not what they are.  Not on a GPU
      without bfloat16, whose float32 kernels are made for the other layout.
    * bfloat16 autocast where the device has units for it, unless the
      config's optimizer wrapper asks for something of its own.
    * A fused optimizer on a GPU, unless the config says how it steps.  On a
      CPU it saves less than 1 % of a step.

    All but the first for classifiers alone.

    Args:
        cfg: of a run.
        amp: False leaves the precision as it is.

    Returns:
        list[str]: what is on, in words for the log.
    """
    on_gpu = torch.cuda.is_available()
    on = []
    if calm_malloc():
        on.append(KEPT)
    if type_name(cfg.model) not in _MODELS:
        return on
    units = bfloat16_units()
    if units or not on_gpu:
        add_hooks(cfg, dict(type='ChannelsLastHook'))
        on.append('channels_last')
    if amp and units and wrapper_kind(cfg) == 'OptimWrapper':
        cfg.optim_wrapper.type = BFLOAT16
        on.append(f'bf16 autocast ({units})')
    optimizer = cfg.optim_wrapper.get('optimizer') or {}
    if on_gpu and _may_be_fused(optimizer):
        optimizer.fused = True
        on.append(f'fused {type_name(optimizer)}')
    return on


def _may_be_fused(optimizer):
    own = {'fused', 'foreach', 'differentiable'} & set(optimizer)
    return type_name(optimizer) in _FUSED and not own
