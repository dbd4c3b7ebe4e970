"""The files that a run starts from, opened before it does."""

from pathlib import Path

from mmengine.config import Config

from cds_mm.checkpoint.parts import check_parts
from cds_mm.engine.hand_over import check_weights, option_of_start
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS, in_project


def check_pretrained(cfg, pretrained: PretrainedFile | None) -> None:
    """Look into the file that a backbone starts from.

    The host logs what does not fit, and goes on: so every tensor of the
    backbone has to be in the file.  Where it has a record of this project,
    the judge of the converter compares the rest.

    Args:
        cfg: of the run.
        pretrained: the file, if there is one.

    Raises:
        UserError: as :func:`check_checkpoint`, or it does not fit.
    """
    if pretrained is None or not pretrained.is_local:
        return
    if not pretrained.exists:
        raise UserError(
            f'{pretrained.path}: there is no such file, and '
            'model.backbone.init_cfg starts from it; make it with '
            'tools/convert_backbone.py, or set '
            'model.backbone.init_cfg=None to start from random weights'
        )
    checkpoint = pretrained.read()
    # The weights of `load_from` take the place of these.
    if not cfg.get('load_from'):
        check_weights(cfg, pretrained, checkpoint)


def check_checkpoint(start: PretrainedFile, cfg: Config | None = None) -> dict:
    """Open a checkpoint that the host is about to load.

    The host reads it with the same reader, in the middle of a run.

    Args:
        start: the checkpoint.
        cfg: of a training, which may go on from it.

    Returns:
        dict: its ``meta``; empty for a URL, which the host opens later.

    Raises:
        UserError: it is missing, broken or more than a checkpoint, or
            the training resumes and it has no training state.
    """
    if not start.is_local:
        return {}
    path = start.path
    _check_there(path)
    checkpoint = start.read()
    resumes = cfg is not None and bool(cfg.resume)
    # Of a file without an optimizer it is said below.
    check_parts(checkpoint, path, resumes and 'optimizer' in checkpoint)
    meta = checkpoint.get('meta') or {}
    if cfg is None or not cfg.resume:
        return meta
    if 'config' in meta:
        raise UserError(
            f"--resume {path}: its meta['config'] would be run as a program, "
            'which no checkpoint of MMEngine has; start a run from its '
            f'weights with --cfg-options {option_of_start(cfg, start)}'
        )
    if 'optimizer' not in checkpoint:
        raise UserError(
            f'--resume {path}: it holds weights and no training state; start '
            f'a run from it with --cfg-options {option_of_start(cfg, start)}'
        )
    return meta


def _check_there(path):
    """Say which config writes a checkpoint that is not there yet."""
    if Path(path).exists():
        return
    stem = Path(path).parent.name
    leaf = next(iter(sorted(CONFIGS.rglob(f'{stem}.py'))), None)
    if leaf:
        raise UserError(
            f'{path}: no such file yet; train {in_project(leaf)} first, or '
            'name another checkpoint (load_from in the config)'
        )
