"""Stops a detection run whose backbone is not the pretrained one."""

from pathlib import Path

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from cds_mm.arguments import checked
from cds_mm.checkpoint.detector import DetectorSide
from cds_mm.checkpoint.mismatch import check_fits
from cds_mm.checkpoint.verify import compare_fingerprint, read_fingerprinted
from cds_mm.config import find_pretrained
from cds_mm.config.network_input import loader_order
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError


@HOOKS.register_module()
class VerifyPretrainedHook(Hook):
    """Before the first iteration, proves that the weights have arrived.

    MMEngine loads pretrained weights without insisting on any: a wrong
    prefix or shape is a line in the log, and the run trains from scratch.
    This hook lets the backbone and the preprocessor, as they are at that
    moment, look at the probe image, and compares with the fingerprint that
    the file carries.  Resumed runs and runs with ``load_from`` are let
    through: there the weights come from elsewhere.

    Args:
        checkpoint (str | None): A file that ``tools/convert_backbone.py``
            wrote; by default the one in the backbone's ``init_cfg``.
    """

    # After every hook that may still change the model.
    priority = 'LOWEST'

    @checked
    def __init__(self, checkpoint: str | None = None):
        self.checkpoint = checkpoint

    def before_train(self, runner: Runner) -> None:
        """Compares, logs one line, or raises UserError."""
        if runner.iter > 0 or runner._load_from:
            runner.logger.info(
                'The pretrained backbone is not verified: the weights of '
                'this run come from another checkpoint.'
            )
            return
        checkpoint = self.checkpoint or find_pretrained(runner.cfg)
        if checkpoint is None:
            raise UserError(
                'VerifyPretrainedHook: the backbone has no pretrained '
                "init_cfg; set init_cfg=dict(type='Pretrained', "
                'checkpoint=...) or take the hook out'
            )
        self.checkpoint = checkpoint
        gaps = _verify(runner, checkpoint)
        runner.logger.info(
            f'{checkpoint}: verified, the backbone computes what was '
            f'trained (stages {", ".join(str(s + 1) for s in gaps)}, largest '
            f'difference {max(gaps.values()):.1e})'
        )


def _verify(runner: Runner, checkpoint: str) -> dict[int, float]:
    state, record = read_fingerprinted(checkpoint)
    side = _side(runner)
    doubt = ''
    try:
        check_fits(record, state, side)
        # It would fit: whatever differs now has not been loaded.
        doubt = '; was it loaded? init_cfg takes it without prefix'
        return compare_fingerprint(record, side)
    except UserError as error:
        raise UserError(
            f'{checkpoint}: is not what this run would train on: '
            f'{error}{doubt}'
        ) from error


def _side(runner: Runner) -> DetectorSide:
    model = unwrapped(runner.model)
    # Semi-supervised wrappers train a student.
    holder = model if hasattr(model, 'backbone') else _student(model)
    preprocessor = model.data_preprocessor
    inner = getattr(preprocessor, 'data_preprocessor', None)
    if isinstance(inner, nn.Module):
        preprocessor = inner
    name = Path(runner.cfg.filename or 'this config').name
    order = loader_order(runner.cfg)
    return DetectorSide(name, holder.backbone, preprocessor, order)


def _student(model):
    student = getattr(model, 'student', None)
    if student is None or not hasattr(student, 'backbone'):
        raise UserError(
            f'{type(model).__name__}: has no backbone to verify; take '
            'VerifyPretrainedHook out of custom_hooks'
        )
    return student
