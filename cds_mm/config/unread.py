"""Top-level keys of a config that nothing reads."""

from collections.abc import Iterator
from difflib import get_close_matches

from mmengine.config import Config

from cds_mm.errors import UserError
from cds_mm.run_warnings import warn

# The arguments of MMEngine's Runner, and what it asks its config for.
RUNNER = frozenset(
    'model work_dir train_dataloader val_dataloader test_dataloader '
    'train_cfg val_cfg test_cfg auto_scale_lr optim_wrapper param_scheduler '
    'val_evaluator test_evaluator default_hooks custom_hooks '
    'data_preprocessor load_from resume launcher env_cfg log_processor '
    'log_level visualizer default_scope randomness experiment_name '
    'model_wrapper_cfg sync_bn find_unused_parameters compile '
    'activation_checkpointing efficient_conv_bn_eval'.split()
)
# Read while a config is opened, or by the hosts' own launchers.
READ = RUNNER | {
    'custom_imports',
    'tta_model',
    'tta_pipeline',
    'tta_cfg',
    'runner_type',
    'strategy',
}
# Dicts of which the Runner takes some keys and overlooks the others.
_INSIDE = {
    'auto_scale_lr': ('enable', 'base_batch_size', 'accumulative_counts'),
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
}
# Dicts that are for anybody's own keys too, with those that the hosts read.
_KNOWN_ANYWHERE = {'metainfo': ('classes', 'palette')}
# What keys are called now that had these names before MMEngine, or that many
# configs have as variables of the file.
_NOW = {
    'optimizer': 'optim_wrapper.optimizer',
    'optimizer_config.grad_clip': 'optim_wrapper.clip_grad',
    'lr': 'optim_wrapper.optimizer.lr',
    'base_lr': 'optim_wrapper.optimizer.lr',
    'lr_config': 'param_scheduler',
    'runner': 'train_cfg',
    'max_epochs': 'train_cfg.max_epochs',
    'max_iters': 'train_cfg.max_iters',
    'epochs': 'train_cfg.max_epochs',
    'total_epochs': 'train_cfg.max_epochs',
    'data.samples_per_gpu': 'train_dataloader.batch_size',
    'data.workers_per_gpu': 'train_dataloader.num_workers',
    'data.train': 'train_dataloader.dataset',
    'data.val': 'val_dataloader.dataset',
    'data.test': 'test_dataloader.dataset',
    'data': 'train_dataloader',
    'batch_size': 'train_dataloader.batch_size',
    'num_workers': 'train_dataloader.num_workers',
    'data_root': 'train_dataloader.dataset.data_root',
    'dataset_type': 'train_dataloader.dataset.type',
    'train_pipeline': 'train_dataloader.dataset.pipeline',
    'val_pipeline': 'val_dataloader.dataset.pipeline',
    'test_pipeline': 'test_dataloader.dataset.pipeline',
    'num_classes': 'model.head.num_classes',
    'evaluation.interval': 'train_cfg.val_interval',
    'evaluation': 'val_evaluator',
    'checkpoint_config': 'default_hooks.checkpoint',
    'log_config': 'default_hooks.logger',
    'vis_backends': 'visualizer.vis_backends',
    'dist_params': 'env_cfg.dist_cfg',
    'cudnn_benchmark': 'env_cfg.cudnn_benchmark',
    'seed': 'randomness.seed',
    'deterministic': 'randomness.deterministic',
    'resume_from': '--resume FILE',
    'fp16': '--amp',
}
# So alike that one is a slip of the other.
_LIKE = 0.85


def check_option(cfg: Config, key: str) -> None:
    """See that something reads a key of ``--cfg-options``.

    Args:
        cfg: before it is set.
        key: dotted.

    Raises:
        UserError: it is a new key that nothing reads.
    """
    _check_known(key)
    first, _, rest = key.partition('.')
    inner = rest.partition('.')[0]
    if first in _INSIDE and inner:
        known = inner in _INSIDE[first] or inner in (cfg.get(first) or ())
        if known or inner == '_delete_':
            return
    elif first in READ:
        return
    elif first in cfg:
        warn(
            f'--cfg-options {key}: is a variable of {cfg.filename}, which has '
            'been read: setting it now changes nothing'
            + _instead(cfg, key, '; set {}')
        )
        return
    raise UserError(
        f'--cfg-options {key}: nothing reads it'
        + _instead(cfg, key, '; did you mean {}?')
        + ' (a key of your own has to stand in the config file)'
    )


def _check_known(key: str) -> None:
    above, _, name = key.rpartition('.')
    known = _KNOWN_ANYWHERE.get(above.rpartition('.')[2], ())
    like = get_close_matches(name, known, 1, _LIKE)
    if like and name not in known:
        raise UserError(
            f'--cfg-options {key}: nothing reads it; did you mean '
            f'{above}.{like[0]}?'
        )


def warn_of_slips(cfg: Config) -> None:
    """Warn of top-level keys that are nearly an argument of the Runner.

    Variables of a config file are keys too, so that others are left alone.

    Args:
        cfg: as the file has it.
    """
    for key in cfg:
        like = get_close_matches(key, RUNNER - set(cfg), 1, _LIKE)
        # `val_evaluator_2` is a variable that the evaluators are made of.
        if key not in READ and like and not key.startswith(f'{like[0]}_'):
            warn(
                f'{cfg.filename}: nothing reads its key {key!r}; did you '
                f'mean {like[0]!r}?'
            )


def _instead(cfg, key: str, words: str) -> str:
    found = next(_candidates(cfg, key), '')
    return found and words.format(found)


def _candidates(cfg, key: str) -> Iterator[str]:
    """Keys that are read and that this one may be meant to be."""
    parts = key.split('.')
    first, rest = parts[0], parts[1:]
    if first in _INSIDE:
        for like in get_close_matches(rest[0], _INSIDE[first], 1, 0.6):
            yield '.'.join([first, like, *rest[1:]])
        return
    for length in range(len(parts), 0, -1):
        now = _NOW.get('.'.join(parts[:length]))
        if now:
            yield '.'.join([now, *parts[length:]])
    for known in get_close_matches(first, RUNNER, 1, _LIKE):
        yield '.'.join([known, *rest])
    yield from (path for path in _paths(cfg) if path.endswith(f'.{key}'))


def _paths(node, prefix: str = '') -> Iterator[str]:
    """The dotted keys below the parts of a config that are read."""
    for key, value in dict(node).items():
        if not prefix and key not in READ:
            continue
        yield f'{prefix}{key}'
        if isinstance(value, dict):
            yield from _paths(value, f'{prefix}{key}.')
