"""A backbone with other normalisation layers than its detector builds."""

import ast
import re

import pytest
import torch
from refusals import refusal

from cds_mm.checkpoint import Options, check_file, convert
from cds_mm.checkpoint.foreign_file import check_foreign_keys
from cds_mm.checkpoint.init_file import init_weights
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.checkpoint.verify import side_of

R18 = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
NORMS = {
    'BatchNorm': dict(type='BN'),
    'GroupNorm': dict(type='GN', num_groups=4),
}
SAME = [
    dict(type='BN'),
    dict(type='SyncBN'),
    dict(type='BN', requires_grad=False),
    dict(type='SyncBN', requires_grad=True, momentum=0.01),
    dict(type='BN', eps=1e-5),
]


@pytest.fixture
def trained(seed, record, tmp_path):
    """A training checkpoint with some ``norm_cfg``, and its weights."""

    def make(**norm):
        kept = record(backbone=dict(R18, norm_cfg=norm))
        network = random_backbone(kept, 'it').state_dict()
        path = tmp_path / 'epoch_1.pth'
        state = {f'backbone.{k}': v for k, v in network.items()}
        meta = dict(cds_mm=kept.to_dict())
        torch.save(dict(state_dict=state, meta=meta), path)
        return path, network

    return make


def advised(said):
    """The ``norm_cfg`` that a message advises."""
    found = re.search(r'model\.backbone\.norm_cfg=dict\(([^)]*)\) there', said)
    tree = ast.parse(f'dict({found[1]})', mode='eval').body
    return {k.arg: ast.literal_eval(k.value) for k in tree.keywords}


@pytest.mark.parametrize('ours, theirs', [NORMS, [*NORMS][::-1]])
def test_the_norm_is_the_reason(trained, detector, tmp_path, ours, theirs):
    path, _ = trained(**NORMS[ours])
    converted = convert(path, tmp_path / 'b.pth').path
    cfg = detector(**R18, norm_cfg=NORMS[theirs], norm_eval=False)
    options = Options(detector=cfg)
    for said in (
        refusal(check_file, converted, cfg),
        refusal(convert, path, tmp_path / 'c.pth', options),
    ):
        assert f'norm: the file holds {ours}' in said
        assert f'builds {theirs}' in said
        assert 'missing' not in said and 'another network' not in said
        assert advised(said) == NORMS[ours]
        right = detector(**R18, norm_cfg=advised(said), norm_eval=False)
        assert check_file(converted, right).of_features


@pytest.mark.parametrize('ours, theirs', [NORMS, [*NORMS][::-1]])
def test_of_a_file_without_a_record(trained, detector, ours, theirs):
    _, state = trained(**NORMS[ours])

    def check(**norm):
        cfg = detector(**R18, norm_cfg=norm, norm_eval=False)
        return check_foreign_keys(init_weights(state, 'f', None), side_of(cfg))

    said = refusal(check, **NORMS[theirs])
    assert f'norm: the file holds {ours}' in said
    assert not check(**NORMS[ours])
    kind = advised(said)['type']
    assert kind == NORMS[ours]['type']


@pytest.mark.parametrize('theirs', SAME)
def test_kinds_of_batchnorm_are_equal(trained, detector, tmp_path, theirs):
    for ours in (dict(type='BN'), dict(type='SyncBN', requires_grad=True)):
        path, state = trained(**ours)
        converted = convert(path, tmp_path / 'b.pth').path
        cfg = detector(**R18, norm_cfg=theirs)
        side = side_of(cfg)
        side.backbone.cpu()
        assert check_file(converted, cfg).of_features
        assert not check_foreign_keys(init_weights(state, 'f', None), side)


def test_frozen_batchnorm_has_no_counters(trained, detector):
    """As Detectron2 and torchvision write it."""
    _, state = trained(type='BN')
    frozen = {k: v for k, v in state.items() if 'tracked' not in k}
    side = side_of(detector(**R18))
    assert not check_foreign_keys(init_weights(frozen, 'f', None), side)


@pytest.mark.parametrize('kind', ['LN', 'IN'])
def test_other_kinds_are_named(trained, detector, kind):
    _, state = trained(type='BN')
    cfg = detector(**R18, norm_cfg=dict(type=kind), norm_eval=False)
    weights = init_weights(state, 'f', None)
    if kind == 'IN':  # has no weights: all of the file's are left over
        (said,) = check_foreign_keys(weights, side_of(cfg))
        assert 'with IN' in said
    else:
        said = refusal(check_foreign_keys, weights, side_of(cfg))
        assert 'LayerNorm' in said
    assert 'norm: the file holds BatchNorm' in said


def test_another_number_of_groups_or_epsilon(trained, detector, tmp_path):
    """Which have the same keys, and other features."""
    path, _ = trained(**NORMS['GroupNorm'])
    converted = convert(path, tmp_path / 'b.pth').path
    for change in (dict(num_groups=2), dict(num_groups=4, eps=0.1)):
        norm = dict(type='GN', **change)
        cfg = detector(**R18, norm_cfg=norm, norm_eval=False)
        said = refusal(check_file, converted, cfg)
        assert 'norm_cfg=' in said and str(change['num_groups']) in said


def test_another_depth_is_said_beside_it(trained, detector, tmp_path):
    path, _ = trained(type='BN')
    converted = convert(path, tmp_path / 'b.pth').path
    deep = dict(R18, depth=34, norm_cfg=NORMS['GroupNorm'], norm_eval=False)
    said = refusal(check_file, converted, detector(**deep))
    assert 'norm: ' in said and 'depth: ' in said


@pytest.mark.parametrize('folder', ['gn', 'gn+ws'])
def test_stock_detectors_with_groups(folder, seed, record, tmp_path):
    name = f'mmdet::{folder}/mask-rcnn_r50_fpn_{folder}-all_2x_coco.py'
    if folder == 'gn+ws':
        name = 'mmdet::gn+ws/mask-rcnn_r50_fpn_gn-ws-all_2x_coco.py'
    side = side_of(name)
    kept = record(backbone=dict(type='ResNet', depth=50))
    path = tmp_path / 'epoch_1.pth'
    network = random_backbone(kept, 'it').state_dict()
    torch.save(
        dict(
            state_dict={f'backbone.{k}': v for k, v in network.items()},
            meta=dict(cds_mm=kept.to_dict()),
        ),
        path,
    )
    options = Options(detector=side)
    said = refusal(convert, path, tmp_path / 'b.pth', options)
    assert 'norm: the file holds BatchNorm' in said
    assert 'builds GroupNorm' in said
