"""Silence for what the hosts say about themselves."""

import builtins
import contextlib
import importlib
import io
import warnings

from cds_mm.engine.config import is_detection

# Nothing in these that a user could act on.
_NOISE = (
    '.*broadcast_buffers.*',
    '.*Only use .alpha. for pillow backend.*',
    '.*faster_coco_eval.*',
    '.*MultiScaleDeformableAttention.*',
    '.*pin_memory.*',
    '.*__floordiv__.*',
    '.*_NUM_THREADS environment variable.*',
)


def quiet_hosts(cfg) -> None:
    """Filter warnings, and import the host of ``cfg`` without its prints."""
    for message in _NOISE:
        warnings.filterwarnings('ignore', message=message)
    if not is_detection(cfg):
        return
    # "Could not import OneDL" goes to stdout whatever the level of the log.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        importlib.import_module('mmdet.datasets')
    _quiet_coco()


def _quiet_coco():
    # "loading annotations into memory...", "Done (t=0.00s)", for each loader.
    coco = importlib.import_module('pycocotools.coco')

    def drop(*args, **kwargs):
        # What is meant for a file of its own still goes there.
        if kwargs.get('file') is not None:
            builtins.print(*args, **kwargs)

    coco.print = drop
