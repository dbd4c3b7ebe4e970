"""Opens config files, and what has to be changed in any of them."""

import importlib.util
from pathlib import Path
from typing import TypeAlias

from mmengine.config import Config, ConfigDict
from mmengine.utils import import_modules_from_strings

from cds_mm.config import inheritance, plain_yaml
from cds_mm.config.leaf_names import config_path
from cds_mm.config.options import apply_options
from cds_mm.config.questions import is_pretrained, network_settings
from cds_mm.environment import environment_fault
from cds_mm.errors import UserError, message
from cds_mm.paths import project_of
from cds_mm.quiet import ignore_noise

# Registers everything of this package; configs name it.
REGISTRATION = 'cds_mm.registration'
# They need a GPU, or several processes.
_SYNCHRONISED = ('SyncBN', 'MMSyncBN')
# They normalise vectors, for which the host has another name.
_OF_VECTORS = ('NonLinearNeck',)
# By file, by ``package::path``, or loaded already.
ConfigOrName: TypeAlias = str | Path | dict | Config


_CHECKPOINTS = ('.pth', '.pt', '.safetensors', '.ckpt')
# What the configs import that were named to this process.
_imported: set[str] = set()


def load_config(name: str, options: dict | None = None) -> Config:
    """Read a config file, by its path or by one of two shorter names.

    Args:
        name: path of the file; ``mmdet::folder/name.py`` for one of a host;
            for a leaf config of this project also its bare name, such as
            'cds_r18_cifar100', with or without '.py', and with or without
            'cds_mm::' before it.
        options: settings over those of the file, as of ``--cfg-options``.

    Raises:
        UserError: it is not there, it cannot be read, or a setting has no
            place in it; one line.
    """
    path = config_file(name)
    if path.suffix in _CHECKPOINTS:
        raise UserError(
            f'config {name}: is a checkpoint; the config comes first on the '
            'command line'
        )
    ignore_noise()
    plain_yaml.register()
    inheritance.register()
    try:
        cfg = Config.fromfile(path)
    except UserError as error:  # of what it inherits
        raise UserError(f'config {name}: _base_: {error}') from error
    except Exception as error:  # a config is code: it may raise anything
        fault = environment_fault(error)
        if fault:
            raise UserError(
                f'config {name}: cannot be read: {fault}'
            ) from error
        cause = f'{type(error).__name__}: {message(error)}'
        cause = _cut(' '.join(cause.split()))
        raise UserError(
            f'config {name}: cannot be read ({cause}); correct that line of '
            'it or of a file that it inherits'
        ) from error
    _register_as_before(cfg)
    apply_options(cfg, options or {})
    note_imports(cfg)
    return cfg


def _cut(text: str) -> str:
    """Without its middle where it is long: MMEngine's advice comes last."""
    return text if len(text) <= 400 else f'{text[:200]} ... {text[-200:]}'


def config_file(name: str) -> Path:
    """The file of a config, by any name that :func:`load_config` takes.

    Raises:
        UserError: it is not there.
    """
    of_a_host = '::' in name and not inheritance.is_own(name)
    return _packaged(name) if of_a_host else config_path(name)


def imported_modules(cfg: Config | dict) -> list[str]:
    """What a config imports before anything is built of it."""
    names = (cfg.get('custom_imports') or {}).get('imports') or []
    return [names] if isinstance(names, str) else list(names)


def modules_of_configs() -> tuple[str, ...]:
    """What the configs of this process import, as far as they were named.

    A config is code that its user runs; what it imports is trusted as the
    config is.  No checkpoint adds to it.
    """
    return tuple(_imported)


def note_imports(cfg: Config | dict) -> None:
    """Add what a config imports to :func:`modules_of_configs`."""
    _imported.update(imported_modules(cfg))


def import_modules(cfg: Config, names: list[str]) -> None:
    """Let any launcher that runs a config import these modules, in place."""
    custom = cfg.get('custom_imports') or {}
    cfg.custom_imports = dict(custom, imports=names)


def _register_as_before(cfg):
    """``import cds_mm`` registered everything in earlier versions."""
    names = imported_modules(cfg)
    if 'cds_mm' in names:
        now = [REGISTRATION if name == 'cds_mm' else name for name in names]
        import_modules(cfg, [*dict.fromkeys(now)])
        import_modules_from_strings(REGISTRATION)


def named_config(config: ConfigOrName) -> tuple[Config, str]:
    """A config by ``package::path`` or file, or one that is loaded already.

    Returns:
        tuple: the config and its name for messages.

    Raises:
        UserError: as :func:`load_config`.
    """
    if isinstance(config, dict):  # a Config is none
        note_imports(config)
        return config, 'the config'
    if isinstance(config, Config):
        note_imports(config)
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
    path = project_of(Path(spec.origin).parent) / 'configs' / relative
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
