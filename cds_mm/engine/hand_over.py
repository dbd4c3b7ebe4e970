"""Whether the backbone of a run gets the weights that its config names."""

import shlex

from mmengine.runner.checkpoint import CheckpointLoader

from cds_mm.checkpoint.detector import (
    backbone_settings,
    build_detector,
    build_model,
)
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.foreign_file import check_foreign_keys
from cds_mm.checkpoint.init_file import (
    check_init,
    init_weights,
    place_of,
)
from cds_mm.checkpoint.parts import check_trained
from cds_mm.checkpoint.prospect import will_fit
from cds_mm.checkpoint.record import RECORD_KEY
from cds_mm.checkpoint.summary import in_words
from cds_mm.config import (
    backbone_key,
    instead_of,
    is_detection,
    pretrained_init,
    start_line,
    type_name,
)
from cds_mm.distributed import backbone_holder
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.engine.quiet import quiet_hosts
from cds_mm.errors import UserError, first_line
from cds_mm.launcher import is_first_rank
from cds_mm.run_warnings import warn

_HOOK = 'VerifyPretrainedHook'


def check_weights(cfg, pretrained: PretrainedFile, checkpoint: dict) -> None:
    """Compare a file with the backbone that starts from it.

    Args:
        cfg: of the run.
        pretrained: the file.
        checkpoint: what it holds.

    Raises:
        UserError: it does not fit.
    """
    quiet_hosts(cfg)
    side = _side_of(cfg)
    if side is not None:
        _check_side(pretrained, checkpoint, side, cfg)


def _side_of(cfg) -> DetectorSide | None:
    if is_detection(cfg):
        return build_detector(cfg)
    backbone = backbone_settings(cfg)
    if not backbone:
        return None
    # Of a classifier the keys are compared: it may see other images.
    name = cfg.filename or 'the config'
    network = build_model(backbone, name, scope='mmpretrain')
    return DetectorSide(name, network, network, None, config=backbone)


def _check_side(pretrained, checkpoint, side, cfg) -> None:
    path = pretrained.path
    try:
        weights = init_weights(checkpoint, path, pretrained.prefix)
        if weights.record and is_detection(cfg):
            check_init(weights, path, side, accepts_changes(cfg))
            return
        for doubt in check_foreign_keys(weights, side):
            warn(f'{path}: {doubt}')
        check_trained(weights.state, side.backbone.state_dict(), path)
    except UserError as error:
        said = str(error).removeprefix(f'{path}: ')
        raise UserError(
            f'{path}: model.backbone.init_cfg starts from it, but {said}'
        ) from error


def accepts_changes(cfg) -> bool:
    """Whether a config says that its detector changes the function."""
    return any(
        type_name(hook) == _HOOK and hook.get('accept_changed_function')
        for hook in cfg.get('custom_hooks') or []
    )


def use_changed_function(cfg, detector: str | None) -> None:
    """Note ``--accept-changed-function`` in a detector's config, in place.

    Args:
        cfg: of the run.
        detector: of ``--detector``.

    Raises:
        UserError: the run has no detector.
    """
    if not is_detection(cfg):
        if detector is None:
            raise UserError(
                '--accept-changed-function: is for a detector; name it with '
                '--detector, or leave the flag out'
            )
        return
    hooks = list(cfg.get('custom_hooks') or [])
    if not any(type_name(hook) == _HOOK for hook in hooks):
        if pretrained_init(cfg) is None:
            raise UserError(
                '--accept-changed-function: model.backbone starts from no '
                'file; set model.backbone.init_cfg, or leave the flag out'
            )
        hooks.append(dict(type=_HOOK))
    for hook in hooks:
        if type_name(hook) == _HOOK:
            hook['accept_changed_function'] = True
    cfg.custom_hooks = hooks


def check_detector(
    cfg, detector: str | None, accept_changed_function: bool
) -> None:
    """Try the network of a pretraining in the detector that it is for.

    Args:
        cfg: of the run.
        detector: config of the detector, or None.
        accept_changed_function: it computes something else on purpose.

    Raises:
        UserError: it would not fit.
    """
    if detector is None:
        return
    quiet_hosts(cfg)
    proof = will_fit(
        cfg, detector, accept_changed_function=accept_changed_function
    )
    if is_first_rank():
        print(f'What is trained will fit {in_words(proof)}')
    for doubt in proof.doubts:
        warn(f'--detector {detector}: {doubt}')


def check_pretrained_url(runner, pretrained: PretrainedFile | None) -> None:
    """As :func:`check_weights`, of a URL, which is downloaded here.

    By the host, so that its cache has the file when the weights are loaded.

    Args:
        runner: of the run, with its model.
        pretrained: what the backbone starts from, if there is anything.

    Raises:
        UserError: it cannot be downloaded, or does not fit.
    """
    replaced = bool(runner.cfg.get('load_from'))
    if pretrained is None or pretrained.is_local or replaced:
        return
    url = pretrained.path
    try:
        checkpoint = CheckpointLoader.load_checkpoint(url, map_location='cpu')
    except UserError:
        raise
    except Exception as error:  # of the network, or of any scheme
        raise UserError(
            f'{url}: cannot be loaded ({first_line(error)[:120]}), and '
            'model.backbone.init_cfg starts from it; download it elsewhere '
            f'and set {backbone_key(runner.cfg)}.checkpoint=FILE'
        ) from error
    found = backbone_holder(runner.model)
    if found is None:
        return
    side = DetectorSide(
        runner.cfg.filename or 'the config',
        found[0].backbone,
        found[0].backbone,
        None,
        config=backbone_settings(runner.cfg),
    )
    _check_side(pretrained, checkpoint, side, runner.cfg)


def check_start(
    cfg, start: PretrainedFile | None, meta: dict, key: str = 'load_from'
) -> None:
    """Compare a checkpoint of this project that a whole model starts from.

    Args:
        cfg: of the run.
        start: the checkpoint, if there is one.
        meta: what it says of itself.
        key: of the config, where it is named.

    Raises:
        UserError: it is converted, which only a backbone takes, or not what
            the detector would run.
    """
    if cfg.get('resume') or start is None or RECORD_KEY not in meta:
        return
    path = start.path
    weights = init_weights(start.read(), path, start.prefix)
    if not weights.state:
        raise UserError(
            f'{key}={path}: holds a backbone under bare keys, of which '
            f'nothing would be loaded; set {instead_of(cfg, key, path)}'
        )
    if not is_detection(cfg):
        return
    quiet_hosts(cfg)
    try:
        check_init(weights, path, build_detector(cfg), accepts_changes(cfg))
    except UserError as error:
        said = str(error).removeprefix(f'{path}: ')
        raise UserError(f'{key}={path}: {said}') from error


def option_of_start(cfg, start: PretrainedFile) -> str:
    """The option that starts a run from the weights of a file.

    Args:
        cfg: of the run.
        start: a checkpoint with a whole model, or with a backbone alone.
    """
    path = start.path
    weights = init_weights(start.read(), path, None)
    side = _side_of(cfg)
    place = side and place_of(side.backbone.state_dict(), weights.whole)
    if place is None or place == 'backbone.':
        return f'load_from={shlex.quote(path)}'
    return start_line(cfg, backbone_key(cfg), path, place or None)
