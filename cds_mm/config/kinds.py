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
_SPLITS = ('train', 'val', 'test')
_DICT = 'a dict, e.g. {}="dict(type=\'...\')"'


def check_kinds(cfg: Config) -> None:
    """See that the Runner is given dicts and lists where it wants some.

    What is no plain value, such as a built module, is left alone.

    Raises:
        UserError: a text or a number in place of a dict, or the like.
    """
    for key in _DICTS:
        if isinstance(cfg.get(key), (*_PLAIN, list, tuple)):
            raise _wrong(cfg, key, _DICT)
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
    for split in _SPLITS:
        _check_split(cfg, split)
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer')
    if isinstance(optimizer, (*_PLAIN, list, tuple)):
        raise _wrong(cfg, 'optim_wrapper.optimizer', _DICT)
    for key in _TEXTS:
        if not isinstance(cfg.get(key), str | None):
            raise _wrong(cfg, key, 'a text')
    if not isinstance(cfg.get('resume'), bool | None):
        raise _wrong(cfg, 'resume', 'True or False; a file goes to --resume')


def _check_split(cfg, split: str) -> None:
    """The parts of a split that everybody asks for."""
    loader = cfg.get(f'{split}_dataloader')
    if loader and 'dataset' in loader:
        key = f'{split}_dataloader.dataset'
        dataset = loader['dataset']
        if dataset is None or isinstance(dataset, (*_PLAIN, list, tuple)):
            raise _wrong(cfg, key, _DICT)
        # A built one has no settings.
        steps = (
            dataset.get('pipeline', []) if isinstance(dataset, dict) else []
        )
        if steps is None or isinstance(steps, (*_PLAIN, dict)):
            raise _wrong(
                cfg,
                f'{key}.pipeline',
                'a list, e.g. {}="[dict(type=\'...\')]"',
            )
    judges = cfg.get(f'{split}_evaluator')
    if isinstance(judges, list | tuple):
        for number, judge in enumerate(judges):
            if judge is None or isinstance(judge, _PLAIN):
                raise _wrong(cfg, f'{split}_evaluator.{number}', _DICT)


def check_complete(cfg: Config, trains: bool = True) -> None:
    """See that validation and test have all of their three parts, or none.

    Args:
        cfg: of a run.
        trains: whether the command line has ``--no-validate``.

    Raises:
        UserError: one is missing.
    """
    for split in ('val', 'test'):
        names = [f'{split}_{part}' for part in ('dataloader', 'evaluator')]
        names.append(f'{split}_cfg')
        missing = [name for name in names if cfg.get(name) is None]
        if missing and len(missing) < len(names):
            there = next(name for name in names if name not in missing)
            way = 'give it'
            if split == 'val' and trains:
                way = 'give it, or train without validation by --no-validate'
            raise UserError(
                f'{missing[0]} is missing, and {there} is there; {way}'
            )


def _wrong(cfg, key: str, expected: str) -> UserError:
    given = cfg
    for name in key.split('.'):
        given = given[int(name)] if name.isdigit() else given.get(name)
    value = ' '.join(str(given).split())[:60]
    return UserError(f'{key}={value}: must be {expected.format(key)}')
