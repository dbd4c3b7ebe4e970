"""``auto_scale_lr`` where several batches make a step."""

from mmengine.config import Config

# Says that the batch size beside it is already that of one batch of a step.
_COUNTED = 'accumulative_counts'


def count_accumulation(cfg: Config) -> None:
    """Let the learning rate follow the images of a step, in place.

    MMEngine scales by the images of one batch on all ranks; a step that
    accumulates n batches sees n times as many.  The base is divided by n, so
    that the recorded config gives the same rate in any launcher.

    Args:
        cfg: of a training.
    """
    scale = cfg.get('auto_scale_lr') or {}
    base = scale.get('base_batch_size')
    if not (scale.get('enable') and isinstance(base, (int, float))):
        return
    counts = cfg.optim_wrapper.get('accumulative_counts') or 1
    # A recorded config was counted for the number that it had.
    before = scale.get(_COUNTED) or 1
    if isinstance(counts, int) and counts != before:
        scale['base_batch_size'] = base * before / counts
        scale[_COUNTED] = counts
