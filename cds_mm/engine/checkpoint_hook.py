"""Arguments of the checkpoint hook, which hands on those it does not know."""

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.engine.misspelt import Misspelt, taken
from cds_mm.errors import UserError


def check_checkpoint_hook(cfg: Config) -> None:
    """See that its interval is one, and that each argument is taken.

    The host finds out when the first checkpoint is written.

    Raises:
        UserError: an interval that is no whole number, or an argument that
            nothing takes.
    """
    hook = (cfg.get('default_hooks') or {}).get('checkpoint')
    if not isinstance(hook, dict):
        return
    kind = hook.get('type')
    kind = HOOKS.get(kind) if isinstance(kind, str) else kind
    if not isinstance(kind, type) or not issubclass(kind, CheckpointHook):
        return
    interval = hook.get('interval', -1)
    number = isinstance(interval, int | float) and not isinstance(
        interval, bool
    )
    if not number or not float(interval).is_integer():
        raise UserError(
            f'default_hooks.checkpoint.interval={interval!r}: must be a whole '
            'number of epochs (of iterations with by_epoch=False)'
        )
    names = [*taken(kind), *taken(Runner.save_checkpoint)]
    for name in hook:
        if name not in (*names, 'type', '_scope_', 'priority'):
            key = 'default_hooks.checkpoint'
            advice = Misspelt(name, names).advice(key, [])
            raise UserError(f'{key}.{name}: nothing reads it; {advice}')
