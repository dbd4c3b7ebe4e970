"""Opens config files, and what has to be changed in any of them."""

import importlib.util
from pathlib import Path
from typing import TypeAlias

from mmengine.config import Config, ConfigDict

from cds_mm.config.questions import is_pretrained, network_settings
from cds_mm.errors import UserError, message
from cds_mm.outcome import one_line

# They need a GPU, or several processes.
_SYNCHRONISED = ('SyncBN', 'MMSyncBN')
# They normalise vectors, for which the host has another name.
_OF_VECTORS = ('NonLinearNeck',)
# By file, by ``package::path``, or loaded already.
ConfigOrName: TypeAlias = str | Path | dict | Config


def load_config(name: str, options: dict | None = None) -> Config:
    """Read a config file, or one of a host as ``mmdet::folder/name.py``.

    Args:
        name: of the file.
        options: settings over those of the file, as of ``--cfg-options``.

    Raises:
        UserError: it is not there, it cannot be read, or a setting has no
            place in it; one line.
    """
    path = _packaged(name) if '::' in name else Path(name)
    if not path.is_file():
        raise UserError(
            f'config {name}: no such file; configs of this project are '
            'in configs/, those of a host are named mmdet::folder/name.py'
        )
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is code: it may raise anything
        cause = f'{type(error).__name__}: {message(error)}'
        cause = ' '.join(cause.split())[:200]
        raise UserError(
            f'config {name}: cannot be read ({cause}); mend that line of it '
            'or of a file that it inherits'
        ) from error
    apply_options(cfg, options or {})
    return cfg


def apply_options(cfg: Config, options: dict) -> None:
    """Set what ``--cfg-options`` says, in place.

    Args:
        cfg: a full config.
        options: values by dotted keys.

    Raises:
        UserError: a key has no place there.
    """
    for key, value in options.items():
        try:
            cfg.merge_from_dict({key: value})
        # One of the keys between the dots is no dict, or no such index.
        except (AssertionError, AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f'--cfg-options {key}: cannot be set ({one_line(error)}); '
                f'compare the key with {cfg.filename}'
            ) from error


def named_config(config: ConfigOrName) -> tuple[Config, str]:
    """A config by ``package::path`` or file, or one that is loaded already.

    Returns:
        tuple: the config and its name for messages.

    Raises:
        UserError: as :func:`load_config`.
    """
    if isinstance(config, dict):  # a Config is none
        return config, 'the config'
    if isinstance(config, Config):
        return config, Path(config.filename or 'the config').name
    return load_config(str(config)), str(config)


def _packaged(name: str) -> Path:
    """The file behind ``package::path``; installs nothing, unlike the hub."""
    package, relative = name.split('::', 1)
    # Dots would import the parent; there is no such host.
    named = package.isidentifier()
    spec = importlib.util.find_spec(package) if named else None
    if spec is None or not spec.origin:
        raise UserError(
            f'config {name}: {package} is not installed; install it'
        )
    root = Path(spec.origin).parent
    path = root / '.mim' / 'configs' / relative
    if not path.exists():  # installed in place
        path = root.parent / 'configs' / relative
    if not path.is_file():
        raise UserError(
            f'config {name}: cannot be read ({package} has no such file); '
            'check its name'
        )
    return path


def plain_batchnorm(config: dict | list | tuple) -> None:
    """Replace synchronised BatchNorm by the plain one, in place.

    The weights are the same, and so is the function in evaluation.

    Args:
        config: A model's config, or a part of it.
    """
    children = config.values() if isinstance(config, dict) else config
    for child in children:
        if isinstance(child, (dict, list, tuple)):
            plain_batchnorm(child)
    if not isinstance(config, dict):
        return
    if config.get('type') in _SYNCHRONISED:
        config['type'] = 'BN'
    norm = config.get('norm_cfg') or {}
    if config.get('type') in _OF_VECTORS and norm.get('type') == 'BN':
        norm['type'] = 'BN1d'


def drop_pretrained(model: ConfigDict) -> None:
    """Take the file that a backbone starts from out of a model's config."""
    backbone = network_settings({'model': model})['backbone']
    backbone.pop('pretrained', None)
    inits = backbone.get('init_cfg') or []
    if isinstance(inits, dict):
        inits = [inits]
    kept = [init for init in inits if not is_pretrained(init)]
    if len(kept) == len(inits):
        return
    if kept:
        backbone.init_cfg = kept
    else:  # so that its class initialises it as it does by itself
        backbone.pop('init_cfg')


def with_preprocessor(config: Config) -> dict:
    """The model of a config with its preprocessor, as the runner builds it."""
    return {
        'data_preprocessor': config.get('data_preprocessor')
    } | config.model
