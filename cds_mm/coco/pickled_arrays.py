"""Arrays that MMDetection would load with whatever is pickled in them."""

import os

import numpy as np
from mmengine.config import Config

from cds_mm.config import named_leaves
from cds_mm.errors import UserError

# OpenImages' tree of classes: the challenge has it as an array, which the
# host loads with allow_pickle=True, the other sets as JSON.
_KEY = 'hierarchy_file'


def check_pickled_arrays(cfg: Config, split: str) -> None:
    """See that the arrays that a data set names are plain numbers.

    Args:
        cfg: of a run with MMDetection.
        split: 'train', 'val' or 'test'.

    Raises:
        UserError: one holds a pickle, which could run code.
    """
    loader = cfg.get(f'{split}_dataloader') or {}
    key = f'{split}_dataloader.dataset'
    for place, leaf in named_leaves(loader.get('dataset') or {}, key):
        name = leaf.get(_KEY)
        if not isinstance(name, str) or name.endswith('.json'):
            continue
        path = os.path.join(leaf.get('data_root') or '', name)
        if os.path.isfile(path) and not _is_plain(path):
            raise UserError(
                f'{place}.{_KEY}: {path} is no plain array of numbers, and '
                'what is pickled in it would run; save the numbers with '
                'numpy.save'
            )


def _is_plain(path: str) -> bool:
    try:
        np.load(path, mmap_mode='r', allow_pickle=False)  # its start alone
    except (ValueError, OSError, EOFError):
        return False
    return True
