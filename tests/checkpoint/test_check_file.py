"""A written file proves itself, without its source."""

import time

import pytest
import torch

from cds_mm.checkpoint import (
    Options,
    carries_fingerprint,
    check_file,
    convert,
    reading,
)
from cds_mm.config import find_pretrained
from cds_mm.engine.checkpoints import check_pretrained
from cds_mm.engine.hooks import add_run_hooks
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError


@pytest.fixture
def written(tmp_path, training_file):
    src, _ = training_file()
    return convert(src, tmp_path / 'b.pth').path


def edit(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def test_it_is_what_was_trained(written, detector):
    config = detector()
    check_file(written, config)  # imports come first
    # Of this process, or a busy machine would count.
    start = time.process_time()
    proof = check_file(written, config)
    seconds = time.process_time() - start
    print(f'{seconds:.2f} s')
    assert seconds < 5  # about 0.2 s of one core
    assert [row[0] for row in proof.rows][0] == 'stem'
    stem = proof.table().splitlines()[1]
    assert stem.startswith('stem ') and stem.endswith(' see layer1')
    assert max(row[3] or 0 for row in proof.rows) < 1e-6


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        ({'preprocessor': {'bgr_to_rgb': False}}, 'channel order'),
        ({'preprocessor': {'mean': [120.0, 116.28, 103.53]}}, 'mean'),
        ({'loader': 'LoadRGBImage'}, r'BGR.*bgr_to_rgb=False'),
        ({'depth': 34}, 'depth'),
        ({'base_channels': 8}, r'width: .* 16x16x3x3 .* builds 8x16x3x3; '),
        ({'norm_cfg': {'type': 'BN', 'eps': 1e-3}}, 'stage 1'),
        ({'strides': (1, 2, 2, 1)}, 'stage 4'),
        ({'dilations': (1, 1, 2, 1)}, 'stage 3'),
    ],
)
def test_other_detectors(written, detector, changes, line):
    with pytest.raises(UserError, match=line):
        check_file(written, detector(**changes))


def test_an_argument_that_was_left_out(
    tmp_path, mm_backbone, record, detector
):
    path = tmp_path / 'narrow.pth'
    trained = dict(type='MobileNetV2', out_indices=(1, 2, 4, 6))
    training = record(backbone=trained)
    meta = {'cds_mm': training.to_dict()}
    network = mm_backbone(**trained)
    state = {f'backbone.{k}': v for k, v in network.state_dict().items()}
    torch.save({'state_dict': state, 'meta': meta}, path)
    other = detector()
    other.model.backbone = dict(
        trained, type='mmpretrain.MobileNetV2', widen_factor=0.5
    )
    with pytest.raises(UserError) as caught:
        convert(path, tmp_path / 'b.pth', Options(detector=other))
    assert 'set model.backbone.widen_factor=1.0 ' in str(caught.value)
    other.model.backbone.depth = 18
    with pytest.raises(UserError, match='depth.*_delete_=True to its back'):
        convert(path, tmp_path / 'b.pth', Options(detector=other))


def test_a_run_is_told_before_it_starts(written, detector):
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(written)}
    file = PretrainedFile(str(written))
    check_pretrained(detector(init_cfg=init_cfg), file)
    narrow = detector(init_cfg=init_cfg, base_channels=8)
    narrow.default_scope = 'mmdet'
    with pytest.raises(UserError) as caught:
        check_pretrained(narrow, file)
    assert str(caught.value) == (
        f'{written}: model.backbone.init_cfg starts from it, but width: '
        'layer1.0.conv1.weight is 16x16x3x3 in the file, the config '
        'builds 8x16x3x3; set model.backbone.base_channels=16 (and the '
        "neck's in_channels) there"
    )
    narrow.load_from = 'detector.pth'
    check_pretrained(narrow, file)


def test_a_run_opens_the_file_once(written, detector, monkeypatch):
    opened = []
    read = reading.read_content

    def counted(path, *args, **kwargs):
        opened.append(str(path))
        return read(path, *args, **kwargs)

    monkeypatch.setattr(reading, 'read_content', counted)
    cfg = detector(init_cfg=dict(type='Pretrained', checkpoint=str(written)))
    cfg.default_scope = 'mmdet'
    file = PretrainedFile(find_pretrained(cfg))
    add_run_hooks(cfg, file)
    kinds = [hook['type'] for hook in cfg.custom_hooks]
    assert 'VerifyPretrainedHook' in kinds
    check_pretrained(cfg, file)
    assert opened == [str(written)]


def test_mean_that_passes_the_settings_fails_the_features(
    written, detector, monkeypatch
):
    from cds_mm.checkpoint import mismatch

    monkeypatch.setattr(mismatch, '_check_preprocessing', lambda *_: None)
    swapped = detector(preprocessor={'bgr_to_rgb': False})
    with pytest.raises(UserError, match='stage 1'):
        check_file(written, swapped)


def test_edited_weights(written, detector):
    def change(content):
        content['state_dict']['layer3.0.conv2.weight'].mul_(1.01)

    with pytest.raises(UserError, match='stage 3.*does not compute'):
        check_file(edit(written, change), detector())


def test_lost_keys(written, detector):
    def change(content):
        for key in list(content['state_dict'])[::2]:
            del content['state_dict'][key]

    with pytest.raises(UserError, match='missing'):
        check_file(edit(written, change), detector())


@pytest.mark.parametrize('prefix', ['backbone.', 'module.', 'x.'])
def test_keys_that_mmengine_would_not_find(written, detector, prefix):
    def change(content):
        state = content['state_dict']
        content['state_dict'] = {prefix + k: v for k, v in state.items()}

    with pytest.raises(UserError, match=f'100 of 100 .* {prefix}conv1'):
        check_file(edit(written, change), detector())


def test_prefix_in_the_config_is_said(written, detector):
    init_cfg = {
        'type': 'Pretrained',
        'checkpoint': 'x.pth',
        'prefix': 'backbone.',
    }
    proof = check_file(written, detector(init_cfg=init_cfg))
    assert 'set prefix=None' in proof.notes[0]


def test_unknown_loader_is_said(written, detector):
    proof = check_file(written, detector(loader='LoadTiffImage'))
    assert 'BGR is assumed' in proof.notes[0]


def test_backbone_of_mmpretrain_in_a_detector(written, detector):
    check_file(written, detector(type='mmpretrain.ResNet'))


def test_carries_fingerprint(tmp_path, written, training_file):
    assert carries_fingerprint(written)
    assert carries_fingerprint(str(written))
    src, _ = training_file()
    (tmp_path / 'text.pth').write_text('text')
    for path in (src, tmp_path, tmp_path / 'none', tmp_path / 'text.pth'):
        assert not carries_fingerprint(path)
    assert not carries_fingerprint('torchvision://resnet50')
    with pytest.raises(UserError, match='carries no fingerprint'):
        check_file(src, {})


def test_damaged_fingerprints(written, detector):
    for damage in ({'version': 1}, {'version': 1, 'stages': {'0': [1]}}, 'x'):

        def change(content, damage=damage):
            content['meta']['cds_mm']['fingerprint'] = damage

        edit(written, change)
        with pytest.raises(UserError):
            check_file(written, detector())


def test_configs_that_are_no_detectors(written, tmp_path):
    with pytest.raises(UserError, match='no such file'):
        check_file(written, 'nowhere.py')
    with pytest.raises(UserError, match='not installed'):
        check_file(written, 'no_such_package::a.py')
    with pytest.raises(UserError, match='not installed'):
        check_file(written, 'no.such::a.py')
    with pytest.raises(UserError, match='mmdet has no such file'):
        check_file(written, 'mmdet::nowhere.py')
    with pytest.raises(UserError, match="no detector's model.backbone"):
        check_file(written, {'model': {'type': 'X'}})
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(')
    with pytest.raises(UserError, match='cannot be read') as caught:
        check_file(written, broken)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('init_cfg', 'expected'),
    [
        ({'type': 'Pretrained', 'checkpoint': 'a.pth'}, 'a.pth'),
        ([{'type': 'X'}, {'type': 'Pretrained', 'checkpoint': 'b'}], 'b'),
        ({'type': 'Kaiming'}, None),
        (None, None),
    ],
)
def test_find_pretrained(init_cfg, expected):
    backbone = {'type': 'ResNet', 'init_cfg': init_cfg}
    assert find_pretrained({'model': {'backbone': backbone}}) == expected
    nested = {'model': {'detector': {'backbone': backbone}}}
    assert find_pretrained(nested) == expected
    assert find_pretrained({}) is None
