r"""Take backbones through the whole chain, and print what came of each.

    python tools/benchmarks/backbones.py > docs/backbones.md

Each is trained for one step with CDS, converted, proven in a detector of
MMDetection, loaded by that detector through ``init_cfg`` under
``VerifyPretrainedHook``, and trained there for one step.  On a CPU, a minute.
"""

import argparse
import logging
import sys
import tempfile
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import cds_mm.hosts  # noqa: F401

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from cds_mm.quiet import quiet_hosts_load

if __package__:
    from benchmarks.backbone_rows import ROWS, Row
    from benchmarks.pairs import machine
else:
    from backbone_rows import ROWS, Row
    from pairs import machine

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
DETECTORS = {
    'Faster R-CNN': 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'RetinaNet': 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
}
CLASSES = 4


@dataclass
class Outcome:
    """What came of a backbone.

    Attributes:
        row: the backbone.
        stages: channels and stride of each stage that it gives.
        loss: of the training step.
        detector: that it is proven in.
        type: of the backbone in that detector.
        gap: largest relative difference of a stage; None where the line
            that refused says to pretrain in another way.
        refused: the line that refused the detector's own type, if one did.
    """

    row: Row
    stages: list[tuple[int, int]]
    loss: float
    detector: str
    type: str
    gap: float | None
    refused: str = ''


def run(row: Row, folder: Path, detector: str = 'Faster R-CNN') -> Outcome:
    """Take one backbone through the chain.

    Args:
        row: the backbone.
        folder: for its files.
        detector: one of ``DETECTORS``.

    Raises:
        AssertionError: something came out that should not.
        UserError: something was refused that should not be.
    """
    from cds_mm.checkpoint import Options, check_file, convert
    from cds_mm.errors import UserError

    stages, loss = train(row, folder / 'trained.pth')
    cfg, refused = detection_config(row.backbone(), detector), ''
    options = Options(detector=cfg)
    files = folder / 'trained.pth', folder / 'converted.pth'
    if row.refused:
        try:
            convert(*files, options)
        except UserError as error:
            refused = str(error)
        assert refused.startswith(row.refused), refused
        if row.fixed is None:
            kind = cfg.model.backbone.type
            return Outcome(row, stages, loss, detector, kind, None, refused)
        cfg = detection_config(row.backbone(**row.fixed), detector)
    proof = convert(*files, Options(detector=cfg)).proof
    again = check_file(files[1], cfg)
    for one in (proof, again):
        assert one.of_features and one.order_known
    # A second conversion is of the network that is in the file.
    convert(files[1], folder / 'again.pth', Options(detector=cfg))
    detect(cfg, files[1], max(128, row.size))
    gaps = [gap for *_, gap in proof.rows if gap is not None]
    kind = cfg.model.backbone.type
    return Outcome(row, stages, loss, detector, kind, max(gaps), refused)


def train(row: Row, path: Path) -> tuple[list[tuple[int, int]], float]:
    """Train a backbone with CDS for one step, and save what a run saves."""
    from mmpretrain.registry import MODELS

    from cds_mm.branches import network_spec
    from cds_mm.checkpoint import record_from_config
    from cds_mm.paths import CONFIGS
    from cds_mm.testing import samples

    base = CONFIGS / '_base_'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        found = network_spec(MODELS.build(dict(row.trained))).stages
        model = Config.fromfile(base / 'models' / 'r18.py').model
        model.update(Config.fromfile(base / 'methods' / 'cds.py').method)
        model.backbone = dict(row.trained)
        model.head.update(
            num_classes=CLASSES, in_channels=[*found.values()][-1].channels
        )
        model.head.topk = (1,)
        model.data_preprocessor = dict(mean=MEAN, std=STD, to_rgb=True)
        cfg = Config(dict(model=model))
        network = MODELS.build(cfg.model)
    record = record_from_config(cfg, network.data_preprocessor)
    images = torch.randn(8, 3, row.size, row.size)
    losses = network.loss(images, samples([0, 1, 1, 2]))
    total, _ = network.parse_losses(losses)
    total.backward()
    torch.optim.SGD(network.parameters(), 0.01).step()
    meta = dict(cds_mm=record.to_dict())
    torch.save(dict(state_dict=network.state_dict(), meta=meta), path)
    return [(s.channels, s.stride) for s in found.values()], total.item()


def detection_config(backbone: dict, detector: str) -> Config:
    """A stock detector with this backbone and small heads."""
    from cds_mm.branches import network_spec
    from cds_mm.checkpoint.detector import build_model
    from cds_mm.config import named_config

    cfg, _ = named_config(DETECTORS[detector])
    backbone = {k: v for k, v in backbone.items() if v is not None}
    stages = network_spec(build_model(backbone, detector)).stages.values()
    cfg.model.backbone = backbone
    cfg.model.neck.update(
        in_channels=[stage.channels for stage in stages],
        out_channels=8,
        start_level=0,
    )
    if detector == 'RetinaNet':
        cfg.model.bbox_head.update(in_channels=8, feat_channels=8)
        return cfg
    cfg.model.rpn_head.update(in_channels=8, feat_channels=8)
    roi_head = cfg.model.roi_head
    roi_head.bbox_roi_extractor.out_channels = 8
    roi_head.bbox_head.update(in_channels=8, fc_out_channels=16)
    return cfg


def detect(cfg: Config, path: Path, size: int) -> None:
    """Load the file as a run does, verify it there, train one step."""
    from mmdet.registry import MODELS
    from mmdet.testing import demo_mm_inputs
    from mmengine.registry import HOOKS

    cfg.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(cfg.model)
        model.init_weights()
    hook = HOOKS.build(dict(type='VerifyPretrainedHook'))
    logger = logging.getLogger('backbones')
    hook.before_train(
        SimpleNamespace(
            model=model, cfg=cfg, iter=0, _load_from=None, logger=logger
        )
    )
    model.train()
    data = demo_mm_inputs(2, [(3, size, size)] * 2, num_classes=CLASSES)
    data = model.data_preprocessor(data, training=True)
    losses = model.loss(data['inputs'], data['data_samples'])
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total), losses


def lines(outcomes: list[Outcome]) -> list[str]:
    """The table in Markdown, and the lines that refused something."""
    from cds_mm.markdown import table_lines

    header = (
        'backbone',
        'type in pretraining',
        'channels / stride of the stages',
        'type in the detector',
        'proven in',
        'largest difference',
    )
    notes, rows = [], []
    for one in outcomes:
        mark = ''
        if one.refused:
            notes.append(f'{len(notes) + 1}. {one.row.name}: `{one.refused}`')
            mark = f' ({len(notes)})'
        stages = ', '.join(f'{c}/{s}' for c, s in one.stages)
        kind = one.type if '.' in one.type else f'mmdet.{one.type}'
        rows.append(
            (
                one.row.name,
                f'`{one.row.trained["type"]}`',
                stages,
                f'`{kind}`{mark}',
                one.detector if one.gap is not None else 'refused',
                f'{one.gap:.0e}' if one.gap else '0' if one.gap == 0 else '',
            )
        )
    return [*table_lines(header, rows), *[''] * bool(notes), *notes]


def page(outcomes: list[Outcome]) -> str:
    """All of ``docs/backbones.md``."""
    text = f"""# Backbones

Each was trained for one step with CDS, converted, proven in a detector of
MMDetection (each stage that it gives, on the probe image), checked again
from the written file, loaded through `init_cfg` under `VerifyPretrainedHook`
and trained there for one step. The networks are narrow; full ones differ in
width and depth only. `make test-all` runs the same, `make test` a part of it.

`mmdet.X` is what `type='X'` means in a detector. Where MMPretrain alone
has a network, or MMDetection's differs, name it: `type='mmpretrain.X'`. With
`--detector` the converter writes the names of the detector's class where that
computes the same (MobileNetV2, ResNetV1d, ResNeSt, EfficientNet), so convert
for the detector that will read the file.

    python tools/benchmarks/backbones.py > docs/backbones.md

{date.today()}; {machine()}; torch {torch.__version__}.

"""
    return text + '\n'.join(lines(outcomes)) + '\n'


def main(argv: list[str] | None = None) -> None:
    """Run them all, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('names', nargs='*', help='rows to run; all by default')
    args = parser.parse_args(argv)
    with quiet_hosts_load():
        from cds_mm import registration  # noqa: F401

    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    torch.manual_seed(0)
    chosen = [row for row in ROWS if not args.names or row.name in args.names]
    outcomes, failed = [], []
    for number, row in enumerate(chosen):
        detector = [*DETECTORS][number % 2]
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcomes.append(run(row, Path(folder), detector))
            except Exception as error:  # the others are run all the same
                failed.append(f'{row.name}: {type(error).__name__}: {error}')
    print(page(outcomes), end='')
    if failed:
        sys.exit('\n'.join(failed))


if __name__ == '__main__':
    main()
