"""Of which kind the top-level keys of a config have to be."""

from typing import Any

from mmengine.config import Config

from cds_mm.errors import UserError

_DICTS = (
    'model train_dataloader val_dataloader test_dataloader train_cfg val_cfg '
    'test_cfg auto_scale_lr optim_wrapper default_hooks data_preprocessor '
    'env_cfg log_processor visualizer randomness custom_imports'.split()
)
_DICTS_OR_LISTS = ('param_scheduler', 'val_evaluator', 'test_evaluator')
_TEXTS = (
    'work_dir load_from launcher log_level default_scope experiment_name'
).split()
_PLAIN = (str, int, float, bool)


def check_kinds(cfg: Config) -> None:
    """See that the Runner is given dicts and lists where it wants some.

    What is no plain value, such as a built module, is left alone.

    Raises:
        UserError: a text or a number in place of a dict, or the like.
    """
    for key in _DICTS:
        if isinstance(cfg.get(key), (*_PLAIN, list, tuple)):
            raise _wrong(cfg, key, 'a dict, e.g. {}="dict(type=\'...\')"')
    for key in _DICTS_OR_LISTS:
        if isinstance(cfg.get(key), _PLAIN):
            raise _wrong(cfg, key, 'a list, e.g. {}="[dict(type=\'...\')]"')
    hooks: Any = cfg.get('custom_hooks') or []
    if not isinstance(hooks, list | tuple) or any(
        isinstance(hook, _PLAIN) for hook in hooks
    ):
        raise _wrong(
            cfg, 'custom_hooks', 'a list, e.g. {}="[dict(type=\'...\')]"'
        )
    for key in _TEXTS:
        if not isinstance(cfg.get(key), str | None):
            raise _wrong(cfg, key, 'a text')
    if not isinstance(cfg.get('resume'), bool | None):
        raise _wrong(cfg, 'resume', 'True or False; a file goes to --resume')


def _wrong(cfg, key: str, expected: str) -> UserError:
    value = ' '.join(str(cfg.get(key)).split())[:60]
    return UserError(f'{key}={value}: must be {expected.format(key)}')
