"""Stops a detection run whose backbone is not the pretrained one."""

from functools import partial
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from cds_mm.arguments import checked
from cds_mm.checkpoint import Proof
from cds_mm.checkpoint.detector import backbone_settings, shared_head_of
from cds_mm.checkpoint.detector_side import DetectorSide
from cds_mm.checkpoint.init_file import check_init, init_weights
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.checkpoint.sketches import most_are_turned, sketches
from cds_mm.config import pretrained_init
from cds_mm.config.files import note_imports
from cds_mm.config.network_input import loader_order
from cds_mm.distributed import backbone_holder, unwrapped
from cds_mm.errors import UserError
from cds_mm.hooks.first_step import BeforeStep
from cds_mm.hooks.loaded_weights import IN_THE_FIRST
from cds_mm.run_warnings import warn


@HOOKS.register_module()
class VerifyPretrainedHook(Hook):
    """Before the first iteration, proves that the weights have arrived.

    MMEngine loads pretrained weights without insisting on any: a wrong
    prefix or shape is a line in the log, and the run trains from scratch.
    This hook lets the backbone and the preprocessor, as they are at that
    moment, look at the probe image, and compares with the fingerprint that
    the file carries.  Before the first step it looks whether that
    backbone is the one that is trained.  Resumed runs and runs with
    ``load_from`` are let through: there the weights come from elsewhere.

    Args:
        checkpoint (str | None): A file that ``tools/convert_backbone.py``
            wrote; by default the one in the backbone's ``init_cfg``.
        accept_changed_function (bool): The detector computes something else
            than the pretrained network on purpose (modulated deformable
            convolutions, dilated stages, TridentNet): prove that its weights
            are the pretrained ones.
    """

    # After every hook that may still change the model.
    priority = 'LOWEST'

    @checked
    def __init__(
        self,
        checkpoint: str | None = None,
        accept_changed_function: bool = False,
    ):
        self.checkpoint = checkpoint
        self.accept_changed_function = accept_changed_function
        self._verified: _Verified | None = None
        self._due: BeforeStep | None = None

    def before_train(self, runner: Runner) -> None:
        """Compares, logs one line, or raises UserError."""
        if runner.iter > 0 or runner._load_from:
            runner.logger.info(
                'The pretrained backbone is not verified: the weights of '
                'this run come from another checkpoint.'
            )
            return
        init = pretrained_init(runner.cfg) or {}
        checkpoint = self.checkpoint or init.get('checkpoint')
        if checkpoint is None:
            raise UserError(
                'VerifyPretrainedHook: the backbone has no pretrained '
                "init_cfg; set init_cfg=dict(type='Pretrained', "
                'checkpoint=...) or take the hook out'
            )
        prefix = init.get('prefix') if not self.checkpoint else None
        self.checkpoint = checkpoint
        proof = self._verify(runner, checkpoint, prefix)
        runner.logger.info(f'{checkpoint}: {_in_words(proof)}')
        for note in proof.notes:
            if note in proof.doubts:
                warn(f'{checkpoint}: {note}', runner.logger)
                continue
            runner.logger.info(f'{checkpoint}: {note}')
        self._verified = _Verified(_backbone(runner))

    def before_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
    ) -> None:
        """Sees that nobody has changed the weights since."""
        if self._verified is None:
            return
        if not self._verified.is_equal(_holder(runner)):
            raise self._replaced(runner, 'before the first iteration')
        self._due = BeforeStep(runner, partial(self._refuse_new, runner))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: dict | None = None,
    ) -> None:
        """Sees that the first step began from these weights."""
        if self._due is not None:
            self._due.do()  # where gradients are accumulated, say
        self._due, self._verified = None, None

    def _refuse_new(self, runner: Runner) -> None:
        if self._verified and not self._verified.is_near(_holder(runner)):
            raise self._replaced(runner, IN_THE_FIRST)

    def _replaced(self, runner: Runner, when: str) -> UserError:
        kind = type(_holder(runner)).__name__
        return UserError(
            f'{self.checkpoint}: was loaded and verified, but {when} the '
            f'backbone of {kind} was built or initialised again; take out '
            'the hook or the code that does so'
        )

    def _verify(
        self, runner: Runner, checkpoint: str, prefix: str | None
    ) -> Proof:
        content = read_for_run(checkpoint)
        weights = init_weights(content, checkpoint, prefix)
        if weights.record is None:
            raise UserError(
                f'{checkpoint}: carries no fingerprint; convert the training '
                'checkpoint with tools/convert_backbone.py first'
            )
        try:
            proof = check_init(
                weights,
                checkpoint,
                _side(runner),
                self.accept_changed_function,
                running=True,
            )
        except UserError as error:
            raise UserError(
                f'{checkpoint}: is not what this run would train on: {error}'
            ) from error
        assert proof is not None  # there is a record
        return proof


class _Verified:
    """A backbone, and what its weights were at the moment of the proof."""

    def __init__(self, backbone: nn.Module):
        self.backbone = backbone
        self.weights = sketches(dict(backbone.named_parameters()))

    def is_equal(self, holder) -> bool:
        """Whether it is still there, and as it was."""
        return holder.backbone is self.backbone and all(
            self.weights[name].is_of(parameter)
            for name, parameter in self.backbone.named_parameters()
            if name in self.weights
        )

    def is_near(self, holder) -> bool:
        """Whether it is still there, with its weights and no new ones."""
        return holder.backbone is self.backbone and not most_are_turned(
            self.weights, dict(self.backbone.named_parameters())
        )


def _in_words(proof: Proof) -> str:
    if not proof.of_features:
        return 'verified, all its tensors are in the backbone'
    gaps = {part: gap for part, _, _, gap in proof.rows if gap is not None}
    stages = ', '.join(
        part.removeprefix('layer').removeprefix('stage') for part in gaps
    )
    limit = f', but {proof.limits}' if proof.limits else ''
    return (
        'verified, the backbone computes what was trained (stages '
        f'{stages}, largest difference {max(gaps.values()):.1e}){limit}'
    )


def _side(runner: Runner) -> DetectorSide:
    note_imports(runner.cfg)
    preprocessor = unwrapped(runner.model).data_preprocessor
    inner = getattr(preprocessor, 'data_preprocessor', None)
    if isinstance(inner, nn.Module):
        preprocessor = inner
    return DetectorSide(
        Path(runner.cfg.filename or 'this config').name,
        _backbone(runner),
        preprocessor,
        loader_order(runner.cfg),
        config=backbone_settings(runner.cfg),
        shared_head=shared_head_of(runner.cfg),
    )


def _backbone(runner: Runner) -> nn.Module:
    backbone = _holder(runner).backbone
    assert isinstance(backbone, nn.Module)  # else it would not train
    return backbone


def _holder(runner: Runner) -> nn.Module:
    """The part of a model that has the backbone."""
    found = backbone_holder(runner.model)
    if found is not None:
        return found[0]
    model = unwrapped(runner.model)
    raise UserError(
        f'{type(model).__name__}: has no backbone to verify; take '
        'VerifyPretrainedHook out of custom_hooks'
    )
