"""``auto_scale_lr`` where several batches make a step."""

from mmengine.config import Config

from cds_mm.run_warnings import warn

# Says that the batch size beside it is already that of one batch of a step.
_COUNTED = 'accumulative_counts'


# Times the batch, or parts of it, that are worth a word.
_FAR = 4


def warn_of_batch_size(cfg: Config, ranks: int) -> None:
    """Warn of a learning rate that is for another number of images a step.

    Args:
        cfg: of a training.
        ranks: how many processes train.
    """
    scale = cfg.get('auto_scale_lr') or {}
    base = scale.get('base_batch_size')
    batch = (cfg.get('train_dataloader') or {}).get('batch_size')
    if scale.get('enable') or not base or not isinstance(batch, int):
        return
    counts = cfg.optim_wrapper.get('accumulative_counts') or 1
    step = batch * ranks * (counts if isinstance(counts, int) else 1)
    if not base / _FAR < step < base * _FAR:
        warn(
            f'train_dataloader.batch_size={batch} gives {step} images a step, '
            f'and the learning rate of the config is for {base:g}; '
            '--auto-scale-lr scales it'
        )


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
