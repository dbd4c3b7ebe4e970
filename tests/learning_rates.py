"""The learning rates of a whole run, by running its schedulers."""

from mmengine.registry import PARAM_SCHEDULERS

import cds_mm.schedules  # noqa: F401


def rates(cfg, wrapper, steps):
    """One list of rates, by parameter group, for each iteration of a run.

    Args:
        cfg: of the run, with ``param_scheduler`` and ``train_cfg``.
        wrapper: its optimizer, or the wrapper of it.
        steps: iterations of an epoch.
    """
    epochs, configs = cfg.train_cfg.max_epochs, cfg.param_scheduler
    schedulers = [
        PARAM_SCHEDULERS.build(
            dict(dict(end=epochs), **scheduler),
            default_args=dict(optimizer=wrapper, epoch_length=steps),
        )
        for scheduler in ([configs] if 'type' in configs else configs)
    ]
    curve = []
    for step in range(epochs * steps):
        curve.append([group['lr'] for group in wrapper.param_groups])
        wrapper.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or (step + 1) % steps == 0:
                scheduler.step()
    return curve
