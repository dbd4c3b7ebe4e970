"""The pooled features of every stage, collected as a test is run."""

import copy
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.registry import DATASETS, LOOPS
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast
from mmpretrain.registry import METRICS
from torch import Tensor
from torch.utils.data import Subset

import cds_mm.analysis.any_backbone  # noqa: F401
from cds_mm.branches.geometry import stage_maps
from cds_mm.config import leaf_configs
from cds_mm.data.labels import dataset_labels
from cds_mm.distributed import unwrapped
from cds_mm.engine.test import build_test_runner
from cds_mm.errors import UserError
from cds_mm.evaluation.probe import Labelled


@METRICS.register_module()
class KeptFeatures(BaseMetric):
    """Keeps what :class:`FeatureLoop` hands it.

    Attributes:
        stages: features (N, C) float32 and labels (N,) of each stage after
            an evaluation, on the first rank; else None.
    """

    default_prefix = 'features'
    stages: dict[str, Labelled] | None = None

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Take a batch: dicts of 'features' by stage, and 'label'."""
        self.results += data_samples

    def compute_metrics(self, results: list) -> dict:
        """Keep all, add nothing to the metrics."""
        labels = torch.tensor([result['label'] for result in results])
        self.stages = {
            stage: Labelled(
                torch.stack([result['features'][stage] for result in results]),
                labels,
            )
            for stage in results[0]['features']
        }
        return {}


@LOOPS.register_module()
class FeatureLoop(TestLoop):
    """A test that stops at the backbone, so that it needs no head.

    Images without a known label are left out.

    Args:
        runner: of the test.
        dataloader: config of one.
        evaluator: config with :class:`KeptFeatures` alone.
        images_per_class: take the first of each class, and no more.
        fp16: whether the backbone runs in bfloat16 autocast.

    Raises:
        UserError: the data set gives no label.
    """

    def __init__(
        self,
        runner,
        dataloader: dict,
        evaluator: dict,
        images_per_class: int | None = None,
        fp16: bool = False,
    ):
        dataset = DATASETS.build(dataloader['dataset'])
        dataset = labelled_images(dataset, images_per_class)
        dataloader = dict(dataloader, dataset=dataset)
        super().__init__(runner, dataloader, evaluator, fp16)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Pool the maps of one batch, which the preprocessor has prepared."""
        self.runner.call_hook(
            'before_test_iter', batch_idx=idx, data_batch=data_batch
        )
        model = unwrapped(self.runner.model)
        data = model.data_preprocessor(data_batch, False)
        # What --amp means; the host's default on a GPU is float16.
        with autocast(dtype=torch.bfloat16, enabled=self.fp16):
            maps = stage_maps(model.backbone, data['inputs'])
        outputs = _rows(pooled(maps), data['data_samples'])
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            'after_test_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs,
        )


def pooled(maps: dict[str, Tensor]) -> dict[str, Tensor]:
    """Global average pooling: (N, C, H, W) to (N, C) float32, by stage."""
    return {stage: m.float().mean((2, 3)) for stage, m in maps.items()}


class LabelledImages(Subset):
    """Some images of a data set, with what the host asks of a data set."""

    dataset: BaseDataset

    @property
    def metainfo(self) -> dict:
        """Of the data set, with the names of the classes."""
        return self.dataset.metainfo


def labelled_images(dataset, images_per_class: int | None = None):
    """Those whose label is known, the first of each class, in their order.

    Args:
        dataset: a built data set, wrapped or not.
        images_per_class: at most; all unless given.

    Raises:
        UserError: there is none.
    """
    try:
        labels = dataset_labels(dataset)
    except KeyError:
        labels = np.empty(0, np.int64)
    # Copies, as of ``LabelFraction(keep='labelled')``, would vote many times.
    distinct = getattr(dataset, 'distinct_images', None)
    chosen: list[int] = []
    taken: Counter[int] = Counter()
    for index, label in enumerate(labels[:distinct]):
        if label >= 0 and taken[label] != images_per_class:
            taken[label] += 1
            chosen.append(index)
    if not chosen:
        raise UserError(
            f'{type(dataset).__name__}: no image has a known label; probes '
            'need them to fit and to judge'
        )
    return LabelledImages(dataset, chosen)


def collect_features(
    cfg: Config,
    images_per_class: int | None = None,
    same_classes: bool = True,
    prefix: str | None = None,
    weights: str | None = None,
) -> tuple[dict[str, Labelled] | None, LabelledImages]:
    """Run the network over the data of ``cfg.test_dataloader``.

    The backbone, and nothing else, has to be in the checkpoint whole, under
    whatever names the converter understands.

    Args:
        cfg: of :func:`cds_mm.engine.test.evaluation_config`.
        images_per_class: of :class:`FeatureLoop`.
        same_classes: of :func:`cds_mm.engine.test.build_test_runner`.
        prefix: of :class:`AnyBackboneHook`.
        weights: of :class:`AnyBackboneHook`.

    Returns:
        tuple: features and labels by stage, None on other ranks than the
        first; and the images they are of.

    Raises:
        UserError: whatever the user can fix.
    """
    cfg = copy.deepcopy(cfg)
    cfg.test_cfg.update(type='FeatureLoop', images_per_class=images_per_class)
    cfg.test_evaluator = dict(type='KeptFeatures')
    hooks = cfg.get('custom_hooks') or []
    cfg.custom_hooks = [
        dict(type='AnyBackboneHook', prefix=prefix, weights=weights),
        dict(type='StrictLoadHook', parts=['backbone.']),
        *hooks,
    ]
    runner = build_test_runner(cfg, same_classes)
    runner.test()
    (kept,) = runner.test_evaluator.metrics
    return kept.stages, runner.test_dataloader.dataset


def train_as_test(cfg: Config) -> Config:
    """A copy whose test images are those of training, as a test sees them."""
    cfg = copy.deepcopy(cfg)
    (pipeline, *_) = [
        leaf['pipeline'] for leaf in leaf_configs(cfg.test_dataloader.dataset)
    ]
    cfg.test_dataloader.dataset = cfg.train_dataloader.dataset
    for leaf in leaf_configs(cfg.test_dataloader.dataset):
        leaf['pipeline'] = copy.deepcopy(pipeline)
    return cfg


def _rows(features, data_samples):
    labels = [int(sample.gt_label) for sample in data_samples]
    # Copies: a row that is a view is sent with the features of its batch.
    return [
        dict(
            label=label,
            features={
                s: rows[i].cpu().clone() for s, rows in features.items()
            },
        )
        for i, label in enumerate(labels)
    ]
