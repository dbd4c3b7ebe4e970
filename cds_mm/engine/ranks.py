"""Several ranks without a GPU, which the host's launcher cannot start."""

import os
import sys

import torch
import torch.distributed as dist
from mmengine.dist import all_gather_object
from mmengine.runner import EpochBasedTrainLoop, Runner

from cds_mm.config import plain_batchnorm
from cds_mm.errors import UserError
from cds_mm.run_warnings import repeat_warnings, warn


def prepare_ranks(cfg) -> None:
    """Join the process group here when the ranks have no GPU.

    The host calls ``torch.cuda.set_device`` whatever the backend, and wraps
    the model with ``device_ids``, which a CPU model refuses.  With a GPU
    nothing is done: the host does it right.

    Args:
        cfg: the run's config, changed in place.
    """
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    if cfg.launcher != 'pytorch':
        raise UserError(
            f'--launcher {cfg.launcher} needs GPUs and torch sees none; '
            'without them use tools/dist_train.sh, which runs torchrun'
        )
    if not dist.is_initialized():
        dist.init_process_group('gloo')
    plain_batchnorm(cfg.model)
    cfg.env_cfg.dist_cfg = dict(backend='gloo')
    cfg.model_wrapper_cfg = dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False),
    )


def check_same_data(runner: Runner, splits: tuple[str, ...]) -> None:
    """See that all ranks have as many samples.

    With fewer of them a rank ends its epoch first, and the others wait for it.
    Where all have as many batches, or where no epochs are counted, other data
    may be meant, and a warning says so.

    Args:
        runner: with its loaders built.
        splits: of the data that it uses.

    Raises:
        UserError: on every rank, where one has another number of batches.
    """
    everywhere = all_gather_object(_sizes(runner, splits))
    for split in everywhere[0]:
        samples, batches = zip(
            *(one[split] for one in everywhere), strict=True
        )
        if len({*samples}) == 1:
            continue
        said = (
            f'{split}_dataloader.dataset: the ranks have different data '
            f'({", ".join(map(str, samples))} samples, from rank 0 on); give '
            'all machines the same files'
        )
        endless = split == 'train' and not isinstance(
            runner.train_loop, EpochBasedTrainLoop
        )
        if len({*batches}) > 1 and not endless:
            raise UserError(said)
        warn(said)


def _sizes(runner: Runner, splits: tuple[str, ...]) -> dict[str, tuple]:
    """Samples and batches of each loader; None of a stream without a size."""
    found: dict[str, tuple] = {}
    for split in splits:
        loader = getattr(runner, f'{split}_dataloader')
        try:
            found[split] = (len(loader.dataset), len(loader))
        except (AttributeError, TypeError):
            found[split] = (None, None)
    return found


def leave_ranks() -> None:
    """End this process at once where it is one of several gloo ranks.

    Gloo's thread may still hold a tensor of the last collective while Python
    shuts down; releasing it then aborts the process (1 run of 12 to 20).
    All that is to be written has been written and closed by now.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    if dist.get_backend() != 'gloo':
        return
    dist.barrier()
    repeat_warnings()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
