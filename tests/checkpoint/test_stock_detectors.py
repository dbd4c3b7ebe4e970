"""One verdict on MMDetection's own ResNet-50 detectors, by every route.

The command, ``--check``, the hook and the preflight of a training are asked
about the same file.  Each detector is asked twice: as it stands, with weights
in torchvision's way, and with a record that agrees with its input and style,
so that the features decide.
"""

import logging
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import mmdet
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS
from torch import nn

from cds_mm.checkpoint import BackboneRecord, check_file, prove_parity
from cds_mm.checkpoint.detector import (
    build_detector,
    build_model,
    shared_head_of,
)
from cds_mm.checkpoint.fingerprints import fingerprint
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.config import network_settings
from cds_mm.config.network_input import loader_order
from cds_mm.engine.hand_over import check_weights
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError

ROOT = Path(mmdet.__file__).parent / '.mim' / 'configs'
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
# A quarter of the width, of both sides: files of 6 MB make quick tests.
NARROW = {'base_channels': 16, 'stem_channels': 16}
NETWORK = {'type': 'ResNet', 'depth': 50}
# Verdicts with a record that agrees: 'fits', 'weights' where only
# accept_changed_function lets it in, 'other' where it is another network.
EXPECTED = {
    'faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py': 'fits',
    'faster_rcnn/faster-rcnn_r50-caffe_fpn_1x_coco.py': 'fits',
    'faster_rcnn/faster-rcnn_r50-caffe_c4-1x_coco.py': 'fits',
    'faster_rcnn/faster-rcnn_r50-caffe-dc5_1x_coco.py': 'weights',
    'dcn/faster-rcnn_r50-dconv-c3-c5_fpn_1x_coco.py': 'fits',
    'dcnv2/faster-rcnn_r50-mdconv-c3-c5_fpn_1x_coco.py': 'weights',
    'gcnet/mask-rcnn_r50-gcb-r4-c3-c5_fpn_1x_coco.py': 'fits',
    'empirical_attention/faster-rcnn_r50-attn1111_fpn_1x_coco.py': 'fits',
    'detectors/cascade-rcnn_r50-sac_1x_coco.py': 'fits',
    'detectors/cascade-rcnn_r50-rfp_1x_coco.py': 'fits',
    'tridentnet/tridentnet_r50-caffe_1x_coco.py': 'weights',
    'simple_copy_paste/mask-rcnn_r50_fpn_rpn-2conv_4conv1fc_'
    'syncbn-all_32xb2-ssj-scp-90k_coco.py': 'fits',
    'soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_'
    '180k_semi-0.1-coco.py': 'fits',
    'deepsort/deepsort_faster-rcnn_r50_fpn_'
    '8xb2-4e_mot17halftrain_test-mot17halfval.py': 'fits',
    'mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2019.py': 'fits',
    'reid/reid_r50_8xb32-6e_mot17train80_test-mot17val20.py': 'fits',
    'gn/mask-rcnn_r50_fpn_gn-all_2x_coco.py': 'other',
    'gn+ws/faster-rcnn_r50_fpn_gn-ws-all_1x_coco.py': 'other',
    'resnest/faster-rcnn_s50_fpn_syncbn-backbone+head_'
    'ms-range-1x_coco.py': 'other',
}
DEFAULT = [
    'dcnv2/faster-rcnn_r50-mdconv-c3-c5_fpn_1x_coco.py',
    'mask2former_vis/mask2former_r50_8xb2-8e_youtubevis2019.py',
]


def record_of(width, side=None):
    """Of a training that agrees with a detector, or with torchvision."""
    if side is None:
        return BackboneRecord(
            backbone={**NETWORK, **width},
            channel_order='rgb',
            mean=MEAN,
            std=STD,
        )
    mean, std = side.statistics
    style = getattr(side.backbone, 'style', 'pytorch')
    order = side.channel_order or 'rgb'
    return BackboneRecord(
        backbone={**NETWORK, **width, 'style': style},
        channel_order=order,
        mean=mean,
        std=std,
    )


@pytest.fixture(scope='module')
def judged(tmp_path_factory):
    """Asks four ways; gives the one verdict, or fails."""
    path = tmp_path_factory.mktemp('stock') / 'b.pth'
    made = {}

    def source_of(record):
        key = repr(record.backbone)
        if key not in made:
            made[key] = random_backbone(record, 'it')
        return made[key]

    def write(record, source):
        values = record.to_dict() | {
            'fingerprint': fingerprint(source, record)
        }
        content = dict(state_dict=source.state_dict(), meta={'cds_mm': values})
        torch.save(content, path)
        return content

    def judge(name, agreeing, accept=False):
        cfg, side, width = narrowed(name)
        record = record_of(width, side if agreeing else None)
        source = source_of(record)
        content = write(record, source)
        backbone = network_settings(cfg)['backbone']
        backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path))
        hooks = [dict(type='VerifyPretrainedHook')]
        if accept:
            hooks[0]['accept_changed_function'] = True
        cfg.custom_hooks = hooks
        asked = {
            'command': lambda: prove_parity(source, record, side, accept),
            'check': lambda: check_file(path, side, content, accept),
            'hook': lambda: run_hook(cfg, hooks[0]),
            'training': lambda: check_weights(
                cfg, PretrainedFile(str(path)), content
            ),
        }
        return {who: outcome(ask) for who, ask in asked.items()}

    yield judge
    path.unlink(missing_ok=True)


def narrowed(name):
    """A stock config, its side and the width that both sides have.

    Group normalisation needs the full one.
    """
    cfg = Config.fromfile(ROOT / name)
    network_settings(cfg)['backbone'].update(NARROW)
    try:
        return cfg, build_detector(cfg), NARROW
    except UserError:
        cfg = Config.fromfile(ROOT / name)
        return cfg, build_detector(cfg), {}


def run_hook(cfg, hook):
    """As a runner does after ``init_weights``, without the heads."""
    model = nn.Module()
    side = build_detector(cfg)
    backbone = dict(network_settings(cfg)['backbone'])
    model.backbone = build_model(backbone, 'it')
    model.data_preprocessor = side.preprocessor
    model.backbone.init_weights()
    runner = SimpleNamespace(
        model=model,
        cfg=cfg,
        iter=0,
        _load_from=None,
        logger=logging.getLogger('stock'),
    )
    HOOKS.build(hook).before_train(runner)


def outcome(ask):
    try:
        ask()
    except UserError as error:
        said = str(error)
        assert '\n' not in said
        causes = ('backbone:', 'depth:', 'stem:', 'width:', 'stride style:')
        causes += ('norm:', 'arguments:', 'out_indices:', 'tensor names:')
        causes += (
            'channel order:',
            'mean:',
            'std:',
            'are missing',
            'no place',
        )
        found = [cause for cause in causes if cause in said]
        return found or ['function']
    return []


def verdict(judge, name):
    """Of the agreeing record: all four have to say the same."""
    answers = judge(name, agreeing=True)
    assert len({str(answer) for answer in answers.values()}) == 1, answers
    causes = answers['command']
    if not causes:
        return 'fits'
    if causes != ['function']:
        return 'other'
    accepted = judge(name, agreeing=True, accept=True)
    assert not any(accepted.values()), accepted
    return 'weights'


@pytest.mark.parametrize(
    'name',
    [
        name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow)
        for name in EXPECTED
    ],
)
def test_one_verdict(judged, name):
    assert verdict(judged, name) == EXPECTED[name]


@pytest.mark.slow
def test_one_verdict_on_all(judged):
    """Some 320 detectors; of those that are alike for a judge, one is asked.

    About twenty minutes.
    """
    kinds, table = {}, {}
    for path in sorted(ROOT.rglob('*.py')):
        name = path.relative_to(ROOT).as_posix()
        kind = None if '_base_' in name else kind_of(path)
        if kind is None:
            continue
        if kind not in kinds:
            as_it_stands = judged(name, agreeing=False)
            answers = {str(answer) for answer in as_it_stands.values()}
            assert len(answers) == 1, (name, as_it_stands)
            kinds[kind] = verdict(judged, name), answers.pop()
            print(f'{name}: {kinds[kind]}', flush=True)
        table[name] = kinds[kind]
    print(f'{len(table)} detectors, {len(kinds)} kinds')
    for which, words in enumerate(('agreeing record', 'as they stand')):
        print(words, Counter(found[which] for found in table.values()))
    assert len(table) > 300


def kind_of(path):
    """All that a judge looks at; none where it is no ResNet-50."""
    try:
        cfg = Config.fromfile(path)
    except Exception:
        return None
    network = network_settings(cfg)
    backbone = dict(network.get('backbone') or {})
    if backbone.get('depth') != 50:
        return None
    backbone.pop('init_cfg', None)
    preprocessor = network.get('data_preprocessor') or cfg.get(
        'data_preprocessor'
    )
    parts = backbone, preprocessor, shared_head_of(cfg), loader_order(cfg)
    return repr(parts)
