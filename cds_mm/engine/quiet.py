"""Silence for what the hosts say about themselves."""

import builtins
import importlib
import warnings

from cds_mm.config import is_detection
from cds_mm.quiet import quiet_hosts_load

# Of the hosts about themselves: nothing in these that a user could act on.
# What PyTorch says about a training is always shown.
_NOISE = (
    ('.*Only use .alpha. for pillow backend.*', UserWarning),
    ('.*faster_coco_eval.*', UserWarning),
    ('.*MultiScaleDeformableAttention.*', UserWarning),
    ('.*_NUM_THREADS environment variable.*', UserWarning),
    # MMEngine passes the argument under its deprecated name.
    ('.broadcast_buffers. is deprecated.*', FutureWarning),
)


def quiet_hosts(cfg) -> None:
    """Filter warnings, and import the host of ``cfg`` without its prints."""
    for message, category in _NOISE:
        warnings.filterwarnings('ignore', message, category)
    if not is_detection(cfg):
        return
    with quiet_hosts_load():
        importlib.import_module('mmdet.datasets')
    _quiet_coco()


def _quiet_coco():
    # "loading annotations into memory...", "Done (t=0.00s)", for each loader.
    coco = importlib.import_module('pycocotools.coco')

    def drop(*args, **kwargs):
        # What is meant for a file of its own still goes there.
        if kwargs.get('file') is not None:
            builtins.print(*args, **kwargs)

    vars(coco)['print'] = drop
