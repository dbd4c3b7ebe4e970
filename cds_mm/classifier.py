"""The classifier: only its training loss differs from its parent's."""

from dataclasses import replace
from typing import Any

import cds_mm.hosts  # noqa: F401

import torch
from mmengine.model import ModuleDict
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor

from cds_mm.arguments import checked
from cds_mm.branches import network_spec
from cds_mm.branches.branch import check_tap
from cds_mm.branches.geometry import stage_maps
from cds_mm.branches.groups import check_several_stages, expand_branches
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn
from cds_mm.stage_outputs import StageOutputs
from cds_mm.step_facts import step_facts
from cds_mm.supervision.needed_views import needed_views

MEMORY_FORMATS = ('contiguous_format', 'channels_last')


@MODELS.register_module()
class DeepSupervisedClassifier(ImageClassifier):
    """An image classifier whose stages are supervised while it trains.

    Backbone, neck and head are those of :class:`ImageClassifier`, and so is
    inference, bit for bit.  In training the backbone's maps are tapped by
    branches, and supervisions turn logits and branches into losses.

    Args:
        backbone: config of a backbone whose ``out_indices`` give maps.
        branches: branch configs by name.  ``every_stage`` stands for one
            branch on each stage that the backbone gives,
            ``every_stage_but_last`` and ``last_stage`` for some of these:
            they are called ``stage1`` and so on, and under such a name one
            of them can have settings of its own.  ``tap`` is the branch's
            own name unless it is given; None takes a branch away; a branch
            that no supervision reads is not built.
        supervisions: supervision configs by name, which is also their name
            in the log; None takes one away.
        teacher: config of a :class:`cds_mm.teacher.Teacher`, or None.
        frozen: parts that are not trained, e.g. ('backbone', 'head'): their
            parameters get no gradient and their BatchNorm stays as it is.
        memory_format: 'channels_last', or 'contiguous_format' (the default):
            how 4-D weights, and with them the maps, lie in memory.  It is
            applied when the model is built, since
            DistributedDataParallel lays out its gradient buckets by the
            strides that it finds when it wraps the model: after a later
            change its first reduction scrambles the gradients.  Values are
            the same up to the rounding of other convolution kernels.
        **kwargs: as of :class:`ImageClassifier`.

    Raises:
        UserError: there is no supervision, a branch's stage is not there,
            the teacher does not fit, a frozen part is not there, or there is
            no such memory format.
    """

    @checked
    def __init__(
        self,
        backbone: dict,
        branches: dict[str, dict] | None = None,
        supervisions: dict[str, dict] | None = None,
        teacher: dict | None = None,
        frozen: tuple[str, ...] = (),
        memory_format: str = 'contiguous_format',
        **kwargs,
    ):
        preprocessor = kwargs.setdefault('data_preprocessor', {})
        if isinstance(preprocessor, dict):
            preprocessor.setdefault('type', 'MultiViewDataPreprocessor')
        super().__init__(backbone, **kwargs)
        supervisions = supervisions or {}
        if not any(supervisions.values()):
            raise UserError(
                'model.supervisions is empty: nothing would be learned; '
                'name at least one, e.g. '
                "ce=dict(type='CrossEntropySupervision')"
            )
        if any('loss' in name for name in supervisions):
            raise UserError(
                f'model.supervisions {", ".join(supervisions)}: a name with '
                '"loss" in it would have its counters summed into the loss; '
                'choose another name'
            )
        self.supervisions = ModuleDict(
            {name: MODELS.build(c) for name, c in supervisions.items() if c}
        )
        network = network_spec(
            self.backbone, getattr(self.head, 'num_classes', None)
        )
        self.branches = self._build_branches(branches or {}, network)
        widths = {n: b.out_channels for n, b in self.branches.items()}
        self.network = replace(network, branches=widths)
        self.teacher = MODELS.build(teacher) if teacher else None
        if self.teacher:
            self._check_teacher(self.teacher)
        for supervision in self.supervisions.values():
            self._connect(supervision)
        self._needed_views = tuple(needed_views(self))
        self._freeze(frozen)
        if memory_format not in MEMORY_FORMATS:
            raise UserError(
                f'model.memory_format={memory_format!r}: must be one of '
                f'{", ".join(MEMORY_FORMATS)}'
            )
        self.memory_format = getattr(torch, memory_format)
        self.to(memory_format=self.memory_format)

    def _check_teacher(self, teacher: Any) -> None:
        teacher.check_fits(self)
        every = self.supervisions.values()
        if not any(getattr(one, 'needs_teacher', True) for one in every):
            warn(
                'model.teacher: no supervision learns from it, so that it '
                'costs time alone; add one to model.supervisions, e.g. '
                "kd=dict(type='LogitDistillation')"
            )

    def init_weights(self) -> None:
        """Initialise as the host does; a seed gives the same weights.

        Random numbers are drawn in the order in which values lie, so the
        weights are contiguous meanwhile.
        """
        self.to(memory_format=torch.contiguous_format)
        super().init_weights()
        self.to(memory_format=self.memory_format)

    def _freeze(self, frozen):
        self.frozen = tuple(frozen)
        parts = dict(self.named_children())
        for name in self.frozen:
            if name not in parts:
                raise UserError(
                    f'model.frozen names {name}, but the model has '
                    f'{", ".join(parts)}; name some of these'
                )
            parts[name].requires_grad_(False)

    def train(self, mode: bool = True) -> 'DeepSupervisedClassifier':
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen:
            getattr(self, name).eval()
        return self

    def _connect(self, supervision):
        theirs = self.teacher and self.teacher.network
        supervision.connect(self.network, theirs)

    def _apply(self, fn, *args, **kwargs):
        # The teacher is no child of this module, but goes where it goes.
        teacher = getattr(self, 'teacher', None)
        if teacher:
            teacher.model._apply(fn, *args, **kwargs)
        return super()._apply(fn, *args, **kwargs)

    def _build_branches(self, configs, network):
        expanded = expand_branches(configs, list(network.stages))
        read = set()
        for supervision in self.supervisions.values():
            if getattr(supervision, 'branches', ()) is None:
                check_several_stages(configs, network)
            read.update(supervision.reads(list(expanded)))
        return ModuleDict(
            {
                name: _build_branch(name, config, network)
                for name, config in expanded.items()
                if name in read
            }
        )

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Losses and counters of one step.

        Args:
            inputs: (V*B, 3, H, W), view-major.
            data_samples: B samples, each with ``sample_idx`` and a label, or
                -1 or no label where it is unknown.

        Returns:
            dict: scalars, ``loss_<supervision>[.<branch>]`` and counters
            under names without "loss", which the host would sum.
        """
        outputs = self.stage_outputs(inputs, data_samples)
        for need in self._needed_views:
            if not need.is_met_by(outputs.num_views):
                raise UserError(need.refusal(outputs.num_views))
        log = {}
        for name, supervision in self.supervisions.items():
            losses, counters = supervision(outputs)
            for key, value in losses.items():
                log[f'loss_{name}.{key}'.rstrip('.')] = value
            for key, value in counters.items():
                log[f'{name}.{key}'] = value
        if self.teacher:
            log['teacher.seconds'] = torch.tensor(self.teacher.seconds)
        return log

    def stage_outputs(
        self, inputs: Tensor, data_samples: list
    ) -> StageOutputs:
        """Run backbone, head and branches once, for all views together.

        One pass, so that BatchNorm sees both views at once, as the released
        code does.
        """
        maps = stage_maps(self.backbone, inputs)
        features = tuple(maps.values())
        if self.with_neck:
            features = self.neck(features)
        logits = self.head(features) if self.with_head else None
        return StageOutputs(
            **step_facts(inputs, data_samples),
            logits=logits,
            embedding=features[-1] if self.with_neck else None,
            maps=maps,
            branches={
                name: branch(maps[branch.tap])
                for name, branch in self.branches.items()
            },
            teacher=self.teacher and self.teacher(inputs, data_samples),
        )


def _build_branch(name, config, network):
    try:
        check_tap(config['tap'], network)
    except UserError as error:
        raise UserError(
            f'{error}, or take the branch away with model.branches.{name}=None'
        ) from error
    return MODELS.build(dict(config, network=network))
