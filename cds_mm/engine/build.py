"""Building a runner, with the host's errors made readable."""

import warnings

from mmengine.runner import Runner

from cds_mm.errors import UserError

# Said by the hosts about themselves; nothing a user could act on.
_NOISE = (
    '.*broadcast_buffers.*',
    '.*Only use .alpha. for pillow backend.*',
    '.*faster_coco_eval.*',
    '.*MultiScaleDeformableAttention.*',
    '.*pin_memory.*',
    '.*__floordiv__.*',
)


def build_runner(cfg) -> Runner:
    """Build the runner of a config, with model and data.

    Raises:
        UserError: something that the config names does not exist or does
            not fit.
    """
    for message in _NOISE:
        warnings.filterwarnings('ignore', message=message)
    try:
        return Runner.from_cfg(cfg)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f'config {cfg.filename}: cannot be built ({error}); check the '
            'part of it that is named here (CDS_MM_DEBUG=1 shows where)'
        ) from error
