"""One line of what the hosts say when they cannot build something."""

import contextlib
import traceback

from mmengine.visualization import BaseVisBackend

from cds_mm.arguments import ArgumentError
from cds_mm.config import type_name
from cds_mm.engine.failing_part import FailingPart, failing_part
from cds_mm.engine.joined import joined_classes
from cds_mm.environment import environment_fault
from cds_mm.errors import UserError, failed_source
from cds_mm.outcome import one_line, user_message

# What hosts and torch raise for settings that they cannot use.
_OF_SETTINGS = (AssertionError, KeyError, TypeError, ValueError)
# May also be a fault of the program; not where a host builds a named part.
_PERHAPS = (ArithmeticError, AttributeError, IndexError, RuntimeError)


@contextlib.contextmanager
def readable_errors(cfg):
    """Turn what building a config raises into one line."""
    try:
        yield
    except Exception as error:
        said = (
            _of_backend(cfg, error)
            or joined_classes(error)
            or _of_config(cfg, error)
        )
        if said is None:
            raise
        raise UserError(f'{said} (CDS_MM_DEBUG=1 shows where)') from error


def _of_backend(cfg, error):
    """Of an error in a tracker: no package, no login, no server."""
    if user_message(error):  # a full disk is not the tracker's
        return None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        backend = frame.f_locals.get('self')
        if isinstance(backend, BaseVisBackend):
            name = type(backend).__name__
            return (
                f'{_key_of_backend(cfg, name)}: {name} cannot '
                f'start ({one_line(error)}); do what it says, or take it out '
                'of the list'
            )
    return None


def _key_of_backend(cfg, name: str) -> str:
    key = 'visualizer.vis_backends'
    backends = (cfg.get('visualizer') or {}).get('vis_backends') or []
    if isinstance(backends, dict):
        return key
    names = [type_name(backend) for backend in backends]
    return f'{key}[{names.index(name)}]' if name in names else key


def _of_config(cfg, error):
    part = failing_part(cfg, error)
    fault = None if part else environment_fault(error)
    if fault:
        return f'config {cfg.filename} cannot be built: {fault}'
    where = f'config {cfg.filename}:' + (f' {part.key}' if part else '')
    if isinstance(error, ArgumentError) and part:
        return f'{where}.{error.argument}: must be {error.expected}'
    if isinstance(error, ImportError):
        return (
            f'{where} needs a package that is not installed '
            f'or does not work here ({one_line(error)}); install it, or take '
            'what needs it out of the config'
        )
    of_settings = isinstance(error, _OF_SETTINGS)
    if not of_settings and not (part and _is_of_host(error)):
        return None
    cause = user_message(error) or one_line(error) or failed_source(error)
    return f'{where} cannot be built ({cause}); {_advice(part, error)}'


def _advice(part: FailingPart | None, error) -> str:
    if part is None:
        return 'fix the part that is named here'
    return part.advice(error) or f'fix the settings of {part.key}'


def _is_of_host(error) -> bool:
    """Whether it was raised in the code of others, not in this package."""
    if not isinstance(error, _PERHAPS):
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return not frame.f_globals.get('__name__', '').startswith('cds_mm.')
