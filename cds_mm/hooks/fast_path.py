"""Log the optimisations of a run, and warn when a resume changes them."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.config import optimised_views, type_name
from cds_mm.optim_wrapper import BFLOAT16, PLAIN
from cds_mm.run_warnings import warn

_KEY = 'fast_path'
_WITHOUT_EFFECT = ('memory kept', 'calm malloc', 'float32 where', 'off (')


@HOOKS.register_module()
class FastPathHook(Hook):
    """Log the optimisations that the config asks for.

    Checkpoints keep the lines in their meta.  A run that is resumed with
    other ones gets a warning, because it is no longer the same run.
    """

    # Before other hooks that log something about the run.
    priority = 'HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare with the run that is resumed."""
        meta = checkpoint.get('meta', {})
        if not runner._resume or same_optimisations(runner.cfg, meta):
            return
        if _KEY in meta:
            before, now = _that_count(meta[_KEY]), optimisations(runner.cfg)
            warn(
                'resumed with another fast path than before, so that it is '
                f'no longer the same run; before: {_listed(before)}; now: '
                f'{_listed(now)}',
                runner.logger,
            )

    def before_train(self, runner: Runner) -> None:
        """Write the lines."""
        for line in optimisations(runner.cfg) or ['off']:
            runner.logger.info(f'Fast path: {line}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the lines."""
        checkpoint['meta'][_KEY] = optimisations(runner.cfg)


def optimisations(cfg) -> list[str]:
    """What a training config does otherwise than op by op in float32.

    Args:
        cfg (Config): of a run, as it is dumped.

    Returns:
        list[str]: a line for each, for the log; empty where there is none.
    """
    model = cfg.get('model') or {}
    wrapper = cfg.get('optim_wrapper') or {}
    found = optimised_views(cfg)
    if model.get('memory_format') == 'channels_last':
        found.append('channels_last')
    kind = type_name(wrapper) or PLAIN
    if kind != PLAIN:
        found.append(
            'bfloat16 autocast' if kind == BFLOAT16 else f'optimizer by {kind}'
        )
    if (wrapper.get('optimizer') or {}).get('fused'):
        found.append('fused optimizer')
    if cfg.get('compile'):
        found.append(f'compile={cfg.get("compile")}')
    return found


def same_optimisations(cfg, meta: dict) -> bool:
    """Whether the run that wrote a checkpoint was optimised in the same way.

    Args:
        cfg (Config): of a run.
        meta: of the checkpoint; where it does not say, it is not the same.
    """
    return _KEY in meta and _that_count(meta[_KEY]) == optimisations(cfg)


def _that_count(lines):
    """Without what earlier versions kept and what changed no number."""
    return [line for line in lines if not line.startswith(_WITHOUT_EFFECT)]


def _listed(lines):
    return '; '.join(lines) or 'off'
