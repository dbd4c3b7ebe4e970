"""From a command line to the config of a run."""

import argparse
import os
from pathlib import Path

import torch
from mmengine.config import Config

from cds_mm.config import (
    apply_options,
    check_kinds,
    load_config,
    warn_of_slips,
)
from cds_mm.launcher import check_launcher
from cds_mm.utils import register_all_modules


def run_config(args: argparse.Namespace) -> Config:
    """The config of a run: the file, the flags, then ``--cfg-options``."""
    check_launcher(args.launcher)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    register_all_modules(init_default_scope=False)
    cfg = load_config(args.config)
    warn_of_slips(cfg)
    check_kinds(cfg)
    cfg.launcher = args.launcher
    stem = Path(cfg.filename).stem
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or f'work_dirs/{stem}'
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is not None:
            _loader_defaults(loader, args)
    apply_options(cfg, args.cfg_options)
    check_kinds(cfg)
    # To the host, None is the same as not there.
    cfg.default_hooks = cfg.get('default_hooks') or {}
    cfg.env_cfg = cfg.get('env_cfg') or dict(dist_cfg=dict(backend='nccl'))
    for name in ('train', 'val', 'test'):
        loader = cfg.get(f'{name}_dataloader')
        if loader is not None and not loader.get('num_workers'):
            # torch refuses both without workers.
            loader.persistent_workers = False
            loader.pop('prefetch_factor', None)
    return cfg


def _loader_defaults(loader, args):
    loader.setdefault('pin_memory', torch.cuda.is_available())
    loader.setdefault('persistent_workers', True)
    if args.no_pin_memory or not torch.cuda.is_available():
        loader.pin_memory = False  # torch warns about it on a CPU
    if getattr(args, 'no_persistent_workers', False):
        loader.persistent_workers = False
