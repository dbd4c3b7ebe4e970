"""What is looked at in the metrics of a detection run before it starts."""

from cds_mm.config import placed_evaluators, type_name
from cds_mm.errors import UserError
from cds_mm.optional import extra

FASTER = 'FasterCocoMetric'
# `CocoMetric` counts so many of an image in mAP, whatever a detector finds.
COUNTED = 100


def check_evaluators(cfg, splits: tuple[str, ...]) -> None:
    """See that MMDetection's faster metric can be used, and says the same.

    The host finds out that the library is missing when it has validated
    everything, and does not tell where the figures are others than those
    of ``CocoMetric``.

    Args:
        cfg: of a run with MMDetection.
        splits: of which the evaluators are looked at.

    Raises:
        UserError: the library is missing, or the figures would differ.
    """
    found = [
        found for split in splits for found in placed_evaluators(cfg, split)
    ]
    for name, evaluator in found:
        if type_name(evaluator) != FASTER:
            continue
        try:
            extra('faster_coco_eval', 'eval')
        except UserError as error:
            raise UserError(f'{name}.type={FASTER}: {error}') from error
        if not evaluator.get('ann_file'):
            raise UserError(
                f'{name}.type={FASTER}: leaves crowds out where it has no '
                f'annotation file; set {name}.ann_file, or take CocoMetric'
            )
        most = _most_detections(cfg)
        if most > COUNTED:
            raise UserError(
                f'{name}.type={FASTER}: counts all {most} detections of an '
                f'image in mAP, where COCO counts {COUNTED}; lower '
                'max_per_img in model.test_cfg, or take CocoMetric'
            )


def _most_detections(cfg):
    test_cfg = cfg.model.get('test_cfg') or {}
    test_cfg = test_cfg.get('rcnn') or test_cfg  # of two stages
    return test_cfg.get('max_per_img') or 0
