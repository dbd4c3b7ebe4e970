"""Silence for what the hosts say about themselves."""

import builtins
import importlib

from cds_mm.config import is_detection
from cds_mm.quiet import ignore_noise, quiet_hosts_load


def quiet_hosts(cfg) -> None:
    """Filter warnings, and import the host of ``cfg`` without its prints."""
    ignore_noise()
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
