"""What the demo has to show for itself."""

from datetime import date
from pathlib import Path

from cds_mm.analysis.scalars import curve, last, scalars
from cds_mm.data import read_rgb
from cds_mm.demo.plan import (
    DETECTORS,
    PRETRAININGS,
    STARTS,
    WORK,
    detect_folder,
)
from cds_mm.engine.resume import latest_checkpoint
from cds_mm.evaluation.picture import new_figure, save_figure
from cds_mm.markdown import table_lines
from cds_mm.quiet import quiet_hosts_load

LEARNED_AP50 = 0.3  # below this a detector is said not to have learned


def write_report(seed: int, seconds: float) -> str:
    """Write ``report.md`` and its pictures; return the text."""
    rows = [
        (detector, start, scalars(detect_folder(detector, start)))
        for detector in DETECTORS
        for start in STARTS
    ]
    accuracies = [
        f'* {method}: {last(scalars(WORK / method), "accuracy/top1"):.1f} % '
        'top-1 on digits that it has not seen'
        for method in PRETRAININGS
    ]
    failures = [
        f'* {detector} from {start} did not learn: AP50 '
        f'{last(lines, "coco/bbox_mAP_50"):.3f}'
        for detector, start, lines in rows
        if last(lines, 'coco/bbox_mAP_50') < LEARNED_AP50
    ]
    text = '\n'.join(
        [
            f'# Demo of {date.today()}, seed {seed}, {seconds / 60:.1f} min',
            '',
            'Pretraining (equal numbers of views):',
            '',
            *accuracies,
            '',
            'Detection in scenes of digits that pretraining never saw:',
            '',
            *_detection_table(rows),
            '',
            *(failures or ['Every detector learned (AP50 of 0.3 and more).']),
            '',
            'One seed and a few hundred scenes: small differences are noise.',
            'It shows that the chain works, not which pretraining is better.',
            '',
            '![curves](curves.png)',
            '![boxes](boxes.png)',
            '',
        ]
    )
    (WORK / 'report.md').write_text(text)
    draw_curves(rows)
    draw_boxes()
    return text


def _detection_table(rows) -> list[str]:
    cells = [
        (
            detector,
            start,
            f'{last(lines, "coco/bbox_mAP"):.3f}',
            f'{last(lines, "coco/bbox_mAP_50"):.3f}',
        )
        for detector, start, lines in rows
    ]
    return table_lines(('detector', 'backbone from', 'AP', 'AP50'), cells)


def draw_curves(rows) -> None:
    """Losses of the pretrainings, AP50 of the detectors, over steps."""
    figure = new_figure(15, 4)
    axes = figure.subplots(1, 3)
    for method in PRETRAININGS:
        lines = scalars(WORK / method)
        axes[0].plot(*curve(lines, 'loss_ce'), label=f'{method}: loss_ce')
    for stage in range(1, 5):
        key = f'loss_cds.stage{stage}'
        axes[0].plot(*curve(scalars(WORK / 'cds'), key), '--', label=key)
    axes[0].set(title='Pretraining', xlabel='iteration', yscale='log')
    for axis, detector in zip(axes[1:], DETECTORS, strict=True):
        for name, start, lines in rows:
            if name == detector:
                epochs, values = curve(lines, 'coco/bbox_mAP_50')
                axis.plot(epochs, values, marker='o', label=start)
        axis.set(title=detector, xlabel='epoch', ylabel='AP50', ylim=(0, 1))
    for axis in axes:
        axis.legend(fontsize='small')
        axis.grid(alpha=0.3)
    save_figure(figure, WORK / 'curves.png')


def draw_boxes(count: int = 4, threshold: float = 0.4) -> None:
    """A few validation scenes with the boxes that each start has found."""
    images = sorted(Path('data/digits/scenes/val').glob('*.png'))[:count]
    columns = [(d, s) for d in DETECTORS for s in STARTS]
    figure = new_figure(2.2 * len(columns), 2.3 * count)
    axes = figure.subplots(count, len(columns))
    for column, (detector, start) in enumerate(columns):
        found = detect(detector, start, images)
        for row, (path, boxes) in enumerate(zip(images, found, strict=True)):
            axis = axes[row][column]
            axis.imshow(read_rgb(path))
            for (x1, y1, x2, y2), score, digit in boxes:
                if score < threshold:
                    continue
                axis.plot(
                    (x1, x2, x2, x1, x1),
                    (y1, y1, y2, y2, y1),
                    color='yellow',
                    linewidth=1,
                    scalex=False,
                    scaley=False,
                )
                axis.text(
                    x1, y1 - 2, f'{digit} {score:.2f}', color='yellow', size=7
                )
            axis.set_axis_off()
            if row == 0:
                axis.set_title(f'{detector}\nfrom {start}', size=9)
    save_figure(figure, WORK / 'boxes.png')


def detect(detector: str, start: str, images: list[Path]) -> list[list]:
    """Boxes (x1, y1, x2, y2), score and digit for each image."""
    with quiet_hosts_load():
        from mmdet.apis import inference_detector, init_detector

        model = init_detector(
            DETECTORS[detector],
            str(latest_checkpoint(detect_folder(detector, start))),
            device='cpu',
            cfg_options={'model.backbone.init_cfg': None},
        )
        results = inference_detector(model, [str(path) for path in images])
    found = []
    for result in results:
        seen = result.pred_instances.numpy()
        found.append(
            list(zip(seen.bboxes, seen.scores, seen.labels, strict=True))
        )
    return found
