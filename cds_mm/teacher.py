"""A frozen network whose outputs a student learns from."""

from dataclasses import replace
from pathlib import Path

import cds_mm.hosts  # noqa: F401

import torch
from mmengine.config import Config
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from cds_mm.arguments import checked
from cds_mm.branches import NetworkSpec
from cds_mm.checkpoint.extract import classifier_state
from cds_mm.checkpoint.parts import check_trained
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.checkpoint.source import load_strictly
from cds_mm.config import (
    drop_pretrained,
    image_side,
    load_config,
    with_preprocessor,
)
from cds_mm.config.network_input import reverses, statistics
from cds_mm.data.class_names import trained_classes
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError
from cds_mm.paths import PROJECT
from cds_mm.stage_outputs import StageOutputs
from cds_mm.stopwatch import Stopwatch

BATCHNORM = ('eval', 'train')
_NORMS = nn.modules.batchnorm._BatchNorm


@MODELS.register_module()
class Teacher:
    """A trained classifier that nobody trains.

    It is no module of its student: it is in neither its ``state_dict`` nor
    its optimizer nor what is exported from it, and copies of the student (an
    average of its weights) share it.  It sees the rows that the student sees,
    in one pass without gradients, under the same autocast.

    Args:
        config: leaf config that the teacher was trained with; a relative
            path is looked for here and in the project.
        checkpoint: its weights: a checkpoint of this project with or without
            branches, of MMPretrain, or a torchvision state dict.  It is read
            without running code of it, and every tensor has to be there.
        batchnorm: 'eval', or 'train' for the statistics of the batch, which
            are those of all views together and of one rank.  The released
            code of distilled CDS has 'train', since its network shows its
            features in that mode alone.  The running statistics stay as they
            are: there they move, but nothing reads or saves them.  So a
            checkpoint of the student says nothing of them, and a resumed run
            is the same run.

    Attributes:
        image_side: pixels of the images that it was trained with, None where
            its config does not say.
        classes: names of the classes that it was taught, by label; None
            where its checkpoint does not say.

    Raises:
        UserError: there is no such file, or it does not fill the network.
    """

    @checked
    def __init__(self, config: str, checkpoint: str, batchnorm: str = 'eval'):
        if batchnorm not in BATCHNORM:
            raise ValueError(
                f'batchnorm is one of {BATCHNORM}, but it is {batchnorm!r}'
            )
        self.name = f'{Path(config).stem} of {checkpoint}'
        self.batchnorm = batchnorm
        if not Path(checkpoint).exists():
            raise UserError(
                f'model.teacher.checkpoint={checkpoint}: no such file; train '
                f'the teacher first, with {config}, or name another one with '
                'its config in model.teacher.config'
            )
        cfg = teacher_config(config)
        self.image_side = image_side(cfg)
        self.model = build_teacher(cfg)
        self.watch = Stopwatch()
        content = read_for_run(checkpoint)
        meta = content.get('meta')
        self.classes = trained_classes(meta if isinstance(meta, dict) else {})
        state = classifier_state(content, checkpoint)
        own = self.model.state_dict()
        used = {key: v for key, v in state.items() if _belongs(key, own)}
        owner = f'the network of model.teacher.config={config}'
        check_trained(used, own, checkpoint)
        load_strictly(self.model, used, checkpoint, owner)
        self.model.requires_grad_(False)
        self.model.eval()
        if batchnorm == 'train':
            normalise_by_batch(self.model)

    @property
    def seconds(self) -> float:
        """What it took of the last step, see :class:`Stopwatch`."""
        return self.watch.seconds

    @property
    def network(self) -> NetworkSpec:
        """Its stages, classes, and widths of branches."""
        return self.model.network

    def check_fits(self, student: ImageClassifier) -> None:
        """Compare with the student what no supervision looks at.

        Raises:
            UserError: other classes, or another normalisation of images.
        """
        theirs, ours = self.network.num_classes, student.network.num_classes
        if ours is not None and theirs != ours:
            raise UserError(
                f'teacher {self.name}: knows {theirs} classes, the student '
                f'{ours}; take a teacher of the same data set'
            )
        needed, given = (
            (*statistics(p), reverses(p))
            for p in (self.model.data_preprocessor, student.data_preprocessor)
        )
        if needed != given:
            raise UserError(
                f'teacher {self.name}: was trained with mean, std and '
                f'reversal of channels {needed}, the student has {given}; set '
                "data_preprocessor to the teacher's"
            )

    @torch.no_grad()
    def __call__(self, inputs: Tensor, data_samples: list) -> StageOutputs:
        """What the teacher shows of the student's rows, (V*B, ...)."""
        self.watch.start(inputs.device)
        outputs = self.model.stage_outputs(inputs, data_samples)
        self.watch.stop(inputs.device)
        return replace(outputs, whose=f'teacher {self.name}')

    def __deepcopy__(self, memo) -> 'Teacher':
        return self

    def describe(self) -> str:
        """One line for the log."""
        count = sum(p.numel() for p in self.model.parameters())
        return (
            f'Teacher {self.name}: {count:,} parameters, frozen, BatchNorm '
            f'in {self.batchnorm} mode'
        )


def normalise_by_batch(model: nn.Module) -> None:
    """Let BatchNorm take the batch's statistics and leave its own alone."""
    for module in model.modules():
        if isinstance(module, _NORMS):
            module.train()
            module.track_running_stats = False


def teacher_of(model: nn.Module) -> Teacher | None:
    """The teacher of a student; those of other classes are none of ours.

    Args:
        model: wrapped or not.
    """
    teacher = getattr(unwrapped(model), 'teacher', None)
    return teacher if isinstance(teacher, Teacher) else None


def teacher_config(config: str) -> Config:
    """A leaf config, with what a teacher is without.

    Args:
        config: path; a relative one is looked for here and in the project.
    """
    path = Path(config)
    if not path.exists() and (PROJECT / path).exists():
        path = PROJECT / path
    cfg = load_config(str(path))
    if not (cfg.get('model') or {}).get('supervisions'):
        raise UserError(
            f'model.teacher.config={config}: has no model.supervisions, so it '
            'is no classifier of cds_mm; name the config that the teacher was '
            'trained with'
        )
    drop_pretrained(cfg.model)
    # The teacher's own teacher is not needed.
    cfg.model.pop('teacher', None)
    # The student sets the teacher's memory format.
    cfg.model.pop('memory_format', None)
    cfg.model.supervisions = {
        name: supervision
        for name, supervision in cfg.model.supervisions.items()
        if supervision and not MODELS.get(supervision.type).needs_teacher
    }
    return cfg


def build_teacher(config: Config) -> ImageClassifier:
    """The classifier of a :func:`teacher_config`, with random weights."""
    return MODELS.build(with_preprocessor(config))


def _belongs(key, own):
    # A checkpoint may have branches that this teacher is built without.
    return key in own or not key.startswith(('branches.', 'supervisions.'))
