"""One line of what the hosts say when they cannot build something."""

import contextlib
import traceback

from mmengine.visualization import BaseVisBackend

from cds_mm.engine.joined import joined_classes
from cds_mm.errors import UserError, failed_source
from cds_mm.outcome import one_line, user_message


@contextlib.contextmanager
def readable_errors(cfg):
    """Turn what building a config raises into one line."""
    try:
        yield
    except Exception as error:
        said = (
            _of_backend(error)
            or joined_classes(error)
            or _of_config(cfg, error)
        )
        if said is None:
            raise
        raise UserError(f'{said} (CDS_MM_DEBUG=1 shows where)') from error


def _of_backend(error):
    """Of an error in a tracker: no package, no login, no server."""
    if user_message(error):  # a full disk is not the tracker's
        return None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        backend = frame.f_locals.get('self')
        if isinstance(backend, BaseVisBackend):
            return (
                f'visualizer.vis_backends: {type(backend).__name__} cannot '
                f'start ({one_line(error)}); do what it says, or take it out '
                'of the list'
            )
    return None


def _of_config(cfg, error):
    if isinstance(error, ImportError):
        return (
            f'config {cfg.filename}: needs a package that is not installed '
            f'or does not work here ({one_line(error)}); install it, or take '
            'what needs it out of the config'
        )
    if isinstance(error, (AssertionError, KeyError, TypeError, ValueError)):
        cause = user_message(error) or one_line(error) or failed_source(error)
        return (
            f'config {cfg.filename}: cannot be built ({cause}); fix the '
            'part that is named here'
        )
    return None
