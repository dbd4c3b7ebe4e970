"""A COCO metric is tried on two images, before a run begins."""

import contextlib
import copy
import io
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.registry import HOOKS
from mmengine.runner import Runner, autocast
from mmengine.structures import BaseDataElement
from torch.utils.data import DataLoader

from cds_mm.coco.evaluators import OF_BOXES
from cds_mm.config import placed_evaluators
from cds_mm.data.first_batch import first_batch
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError
from cds_mm.hooks.trial_step import OF_THE_SETTINGS, is_done, unchanged
from cds_mm.outcome import one_line

_LONGEST = 80  # signs of a host's message
# Settings of a metric: its attribute, and the host's default, as a value and
# as text to paste.
_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_DEFAULTS: dict[str, tuple[str, Any, str]] = {
    'metric': ('metrics', ['bbox'], 'bbox'),
    'iou_thrs': ('iou_thrs', _THRESHOLDS, 'None'),
    'proposal_nums': ('proposal_nums', [100, 300, 1000], '"(100,300,1000)"'),
    'metric_items': ('metric_items', None, 'None'),
    'classwise': ('classwise', False, 'False'),
}


@HOOKS.register_module()
class TrialEvaluationHook(Hook):
    """Evaluate one made-up detection, and forget all of it.

    A metric that wants what the detector does not predict (masks), or
    settings that it cannot use, would else show as a traceback when all
    images have been validated.  A copy of the model sees two images, which
    tells what it predicts; a copy of the metric sees one box.
    """

    # After every hook that may still change the model or the data.
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Try the metrics of the validation.

        Raises:
            UserError: one of them would fail.
        """
        if runner.val_loop is not None and not is_done(runner):
            _try(runner, runner.val_loop, 'val')

    def before_test(self, runner: Runner) -> None:
        """Try the metrics of the test.

        Raises:
            UserError: one of them would fail.
        """
        _try(runner, runner.test_loop, 'test')


def _try(runner, loop, split: str) -> None:
    evaluator = getattr(loop, 'evaluator', None)
    loader = getattr(loop, 'dataloader', None)
    metrics = [
        (number, metric)
        for number, metric in enumerate(getattr(evaluator, 'metrics', ()))
        if type(metric).__name__ in OF_BOXES
    ]
    fork = multiprocessing.get_start_method() == 'fork'
    if not metrics or not fork or not isinstance(loader, DataLoader):
        return
    with unchanged(runner.message_hub), _silent():
        sample = _predicted(runner, loop, loader, split)
        if sample is None:
            return
        for number, metric in metrics:
            key = placed_evaluators(runner.cfg, split)[number][0]
            if isinstance(metric.dataset_meta, dict):
                try_metric(metric, sample, key)


def _predicted(runner, loop, loader, split) -> dict | None:
    """What a metric is given for an image; None where that fails itself."""
    try:
        batch = first_batch(loader, 2)
        trial = copy.deepcopy(unwrapped(runner.model))
        trial.eval()  # of MMDetection's distillation, this returns nothing
        half = bool(getattr(loop, 'fp16', False))
        with torch.no_grad(), autocast(enabled=half):
            (sample, *_) = getattr(trial, f'{split}_step')(batch)
    except Exception:  # will show, and not as a fault of the metric
        return None
    return sample.to_dict() if isinstance(sample, BaseDataElement) else None


def try_metric(metric: Any, sample: dict, key: str) -> None:
    """Evaluate a made-up detection by a copy of a metric.

    Args:
        metric: MMDetection's, which knows its classes.
        sample: what the model has given for an image.
        key: of the metric in the config.

    Raises:
        UserError: the evaluation would fail.
    """
    error = _error_of(metric, sample)
    if error is None:
        return
    said = f'{type(error).__name__}: {_short(error)}'
    if metric._coco_api is None and isinstance(error, AssertionError):
        raise UserError(
            f'{key}: has no ann_file, and the data set does not hand out its '
            f'boxes ({said}); set {key}.ann_file to the annotation file of '
            'the data set'
        ) from error
    for name, (attribute, default, text) in _DEFAULTS.items():
        other = copy.copy(metric)
        setattr(other, attribute, default)
        if _error_of(other, sample) is None:
            raise UserError(
                f'{key}.{name}: the evaluation would fail with '
                f'{getattr(metric, attribute)} ({said}); set --cfg-options '
                f'{key}.{name}={text}'
            ) from error
    raise UserError(
        f'{key}: the evaluation would fail ({said}); correct its settings '
        '(CDS_MM_DEBUG=1 shows where)'
    ) from error


def _error_of(metric, sample) -> Exception | None:
    metric = copy.copy(metric)
    metric.results, metric.use_mp_eval = [], False
    with tempfile.TemporaryDirectory() as folder:
        metric.outfile_prefix = os.path.join(folder, 'trial')
        try:
            metric.process({}, [sample])
            truth, found = metric.results[0]
            image = _judged_image(metric, truth)
            metric.img_ids = [image]
            result = _one_box(found, truth) | dict(img_id=image)
            metric.compute_metrics([(truth, result)])
        except OF_THE_SETTINGS as error:
            return error
    return None


def _short(error: Exception) -> str:
    text = one_line(error) or str(error)
    return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}...'


def _judged_image(metric, truth):
    """One with boxes, since the evaluation looks at no other."""
    images = getattr(metric._coco_api, 'imgToAnns', {})
    filled = (image for image, boxes in images.items() if boxes)
    return next(filled, truth['img_id'])


def _one_box(found: dict, truth: dict) -> dict:
    """A detection with the keys of those of the model."""
    box = dict(
        bboxes=np.array([[0.0, 0.0, 8.0, 8.0]], np.float32),
        scores=np.array([0.5], np.float32),
        labels=np.array([0]),
    )
    if 'mask_scores' in found:
        box['mask_scores'] = box['scores']
    if 'masks' in found:
        from pycocotools import mask

        size = int(truth['height']), int(truth['width'])
        pixels = np.zeros((*size, 1), np.uint8, order='F')
        pixels[:8, :8] = 1
        box['masks'] = mask.encode(pixels)
    return box


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Evaluators print and log as if it were the real one."""
    logger = MMLogger.get_current_instance()
    before, logger.disabled = logger.disabled, True
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.disabled = before
