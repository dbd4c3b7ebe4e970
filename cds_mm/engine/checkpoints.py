"""The files that a run starts from, opened before it does."""

from pathlib import Path

from cds_mm.checkpoint import check_file
from cds_mm.checkpoint.host_loader import is_remote
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.config import is_detection
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.engine.quiet import quiet_hosts
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS, in_project


def check_pretrained(cfg, pretrained: PretrainedFile | None) -> None:
    """Look into the file that a detector's backbone starts from.

    A file that carries a fingerprint is also tried in a backbone of its own:
    the host would log what does not fit, and go on.

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
    pretrained.read()
    # The weights of `load_from` take the place of these.
    replaced = bool(cfg.get('load_from'))
    if is_detection(cfg) and pretrained.has_fingerprint and not replaced:
        _check_fits(pretrained, cfg)


def _check_fits(pretrained, cfg):
    quiet_hosts(cfg)
    try:
        check_file(pretrained.path, cfg, pretrained.read())
    except UserError as error:
        said = str(error).removeprefix(f'{pretrained.path}: ')
        raise UserError(
            f'{pretrained.path}: model.backbone.init_cfg starts from it, but '
            f'{said}'
        ) from error


def check_checkpoint(path: str, resume: bool = False) -> dict:
    """Open a checkpoint that the host is about to load.

    The host reads it with the same reader, in the middle of a run.

    Returns:
        dict: its ``meta``; empty for a URL, which the host opens later.

    Raises:
        UserError: it is missing, broken or more than a checkpoint, or
            ``resume`` is asked for and it has no training state.
    """
    if is_remote(path):
        return {}
    _check_there(path)
    checkpoint = read_for_run(path)
    meta = checkpoint.get('meta') or {}
    if resume and 'config' in meta:
        raise UserError(
            f"--resume {path}: its meta['config'] would be run as a program, "
            'which no checkpoint of MMEngine has; start a run from its '
            f'weights with --cfg-options load_from={path}'
        )
    if resume and 'optimizer' not in checkpoint:
        raise UserError(
            f'--resume {path}: it holds weights and no training state; start '
            f'a run from it with --cfg-options load_from={path}'
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
