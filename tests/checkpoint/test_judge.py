"""What the judge says of detectors that add layers or change the function."""

import re

import pytest
import torch

from cds_mm.checkpoint import Options, check_file, convert, prove_parity
from cds_mm.checkpoint.prospect import will_fit
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.errors import UserError

R50 = dict(type='ResNet', depth=50, base_channels=8, stem_channels=8)
STAGES = (False, True, True, True)
DCN = dict(type='DCN', deform_groups=1, fallback_on_stride=False)
SAC = dict(type='SAC', use_deform=True)
CONTEXT = dict(
    cfg=dict(type='ContextBlock', ratio=1 / 4),
    stages=STAGES,
    position='after_conv3',
)
ATTENTION = dict(
    cfg=dict(
        type='GeneralizedAttention',
        spatial_range=-1,
        num_heads=2,
        attention_type='1111',
        kv_stride=2,
    ),
    stages=(False, False, True, True),
    position='after_conv2',
)
DETECTORS = dict(type='DetectoRS_ResNet', conv_cfg=dict(type='ConvAWS'))


@pytest.fixture
def r50(detector):
    def make(**changes):
        return detector(**{**R50, **changes})

    return make


@pytest.fixture
def source(seed, record):
    trained = record(backbone=dict(R50))
    return random_backbone(trained, 'it'), trained


@pytest.fixture
def written(source, tmp_path):
    network, trained = source
    src = tmp_path / 'epoch_1.pth'
    state = {f'backbone.{k}': v for k, v in network.state_dict().items()}
    meta = {'cds_mm': trained.to_dict()}
    torch.save({'state_dict': state, 'meta': meta}, src)
    return convert(src, tmp_path / 'b.pth').path


@pytest.mark.parametrize(
    'changes',
    [
        dict(dcn=DCN, stage_with_dcn=STAGES),
        dict(plugins=[CONTEXT]),
        dict(plugins=[ATTENTION]),
        dict(DETECTORS, sac=SAC, stage_with_sac=STAGES),
        dict(type='DetectoRS_ResNet', rfp_inplanes=16, output_img=True),
        dict(DETECTORS, output_img=True),
    ],
    ids=['dcn', 'context', 'attention', 'sac', 'rfp', 'image'],
)
def test_new_layers_are_not_missing(r50, written, source, changes):
    for proof in (
        check_file(written, r50(**changes)),
        prove_parity(*source, r50(**changes)),
    ):
        assert proof.of_features
        gaps = [row[3] for row in proof.rows if row[3] is not None]
        assert len(gaps) == 4 and max(gaps) < 1e-5
        assert 'new in this detector' in proof.notes[0]


def test_new_layers_do_not_hide_what_is_lost(r50, written):
    content = torch.load(written, weights_only=True)
    del content['state_dict']['layer3.1.conv2.weight']
    cfg = r50(dcn=DCN, stage_with_dcn=STAGES)
    with pytest.raises(UserError, match=r'1 of \d+ .*layer3\.1\.conv2\.wei'):
        check_file(written, cfg, content)


CHANGED = {
    'DCNv2': dict(dcn=dict(DCN, type='DCNv2'), stage_with_dcn=STAGES),
    'dilations': dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    'trident_dilations': dict(
        type='TridentResNet',
        num_branch=3,
        test_branch_idx=1,
        trident_dilations=(1, 2, 3),
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    ),
}


@pytest.mark.parametrize('word', CHANGED)
def test_a_function_that_is_changed_on_purpose(r50, written, word):
    cfg = r50(**CHANGED[word])
    with pytest.raises(UserError) as caught:
        check_file(written, cfg)
    said = str(caught.value)
    assert word in said and '--accept-changed-function' in said
    proof = check_file(written, cfg, accept_changed_function=True)
    assert not proof.of_features
    assert 'weights, not what it computes' in proof.limits
    assert word in proof.notes[-1]
    assert 'equal' in proof.table()


def test_it_does_not_accept_other_weights_or_another_input(r50, written):
    cfg = r50(**CHANGED['DCNv2'])
    content = torch.load(written, weights_only=True)
    content['state_dict']['layer2.0.conv2.weight'].mul_(1.1)
    with pytest.raises(UserError, match='convert the checkpoint again'):
        check_file(written, cfg, content, accept_changed_function=True)
    cfg.model.data_preprocessor.bgr_to_rgb = False
    with pytest.raises(UserError, match='channel order'):
        check_file(written, cfg, accept_changed_function=True)


def test_all_reasons_at_once_and_following_them_fits(r50, written):
    wrong = dict(mean=[103.53, 116.28, 123.675], std=[1.0] * 3)
    cfg = r50(preprocessor=dict(wrong, bgr_to_rgb=False), style='caffe')
    with pytest.raises(UserError) as caught:
        check_file(written, cfg)
    said = str(caught.value)
    order = ['stride style:', 'channel order:', 'mean:', 'std:']
    places = [said.index(word) for word in order]
    assert places == sorted(places)
    assert '\n' not in said
    preprocessor = cfg.model.data_preprocessor
    for name, value in re.findall(r'set (\w+)=(\[.*?\]|True|False)', said):
        preprocessor[name] = eval(value)
    style = re.search(r"set model\.backbone\.style='(\w+)'", said)
    cfg.model.backbone.style = style[1]
    assert check_file(written, cfg).of_features


def test_another_network_is_the_first_reason(written, detector):
    csp = dict(type='CSPDarknet', deepen_factor=0.33, widen_factor=0.125)
    cfg = detector(preprocessor=dict(bgr_to_rgb=False))
    cfg.model.backbone = csp
    with pytest.raises(UserError) as caught:
        check_file(written, cfg)
    said = str(caught.value)
    assert said.startswith('backbone: the file holds a ResNet-50')
    assert 'builds a CSPDarknet' in said and 'channel order' in said


def test_a_head_that_runs_the_last_stage_is_named(r50, written):
    cfg = r50(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1))
    cfg.model.backbone.out_indices = (2,)
    init = dict(type='Pretrained', checkpoint='open-mmlab://caffe')
    cfg.model.roi_head = dict(shared_head=dict(type='ResLayer', init_cfg=init))
    (doubt,) = check_file(written, cfg).doubts
    assert 'layer4' in doubt and 'open-mmlab://caffe' in doubt
    assert 'model.roi_head.shared_head.init_cfg' in doubt


class Fussy(torch.nn.Module):
    def forward(self, data):
        raise RuntimeError('two\nlines')


def test_code_of_anyone_costs_one_line(r50, written):
    from cds_mm.checkpoint.detector import build_detector

    side = build_detector(r50())
    side.preprocessor.forward = Fussy().forward
    with pytest.raises(UserError) as caught:
        check_file(written, side)
    assert '\n' not in str(caught.value)
    assert 'DetDataPreprocessor cannot be tried' in str(caught.value)
    side = build_detector(r50())
    side.backbone.layer3.forward = Fussy().forward
    with pytest.raises(UserError, match='backbone ResNet cannot be tried'):
        check_file(written, side)
    assert not check_file(
        written, side, accept_changed_function=True
    ).of_features


@pytest.mark.parametrize('kind', ['MobileNetV2', 'ResNetV1d'])
def test_mmdetection_has_other_names(record, detector, kind):
    """The type that the message names fits."""
    more = dict(depth=50) if kind == 'ResNetV1d' else {}
    trained = record(backbone=dict(type=kind, **more))
    network = random_backbone(trained, 'it')
    cfg = detector()
    cfg.model.backbone = dict(type=kind, **more)
    with pytest.raises(UserError) as caught:
        prove_parity(network, trained, cfg)
    named = re.search(r"model\.backbone\.type='([\w.]+)'", str(caught.value))
    cfg.model.backbone = dict(type=named[1], out_indices=(1, 2, 3), **more)
    assert prove_parity(network, trained, cfg).of_features


def test_an_unknown_loader_limits_the_proof(r50, written):
    for flips, order in ((True, 'BGR'), (False, 'RGB')):
        switch = dict(bgr_to_rgb=flips)
        cfg = r50(preprocessor=switch, loader='LoadTiffImage')
        proof = check_file(written, cfg)
        assert 'not the channel order' in proof.limits
        assert f'{order} is assumed' in proof.doubts[0]


def test_it_is_asked_before_a_training(
    run, tmp_path, mm_config, r50, detector
):
    training = mm_config()
    training.model.backbone = dict(R50)
    files = {
        'training.py': training,
        'right.py': r50(),
        'deformable.py': r50(**CHANGED['DCNv2']),
        'narrow.py': r50(base_channels=4, stem_channels=4),
    }
    for name, cfg in files.items():
        cfg.dump(tmp_path / name)
    ask = ['--fits', tmp_path / 'training.py', '--detector']
    state = torch.get_rng_state()
    code, out, err = run(*ask, tmp_path / 'right.py')
    assert (code, err) == (0, '') and 'will fit' in out
    assert torch.equal(torch.get_rng_state(), state)
    code, out, err = run(*ask, tmp_path / 'narrow.py')
    assert (code, out) == (1, '') and err.count('\n') == 1
    assert 'would not fit: width' in err
    code, _, err = run(*ask, tmp_path / 'deformable.py')
    assert code == 1 and '--accept-changed-function' in err
    flag = '--accept-changed-function'
    code, out, _ = run(*ask, tmp_path / 'deformable.py', flag)
    assert code == 0 and 'not what it computes' in out
    code, _, err = run(*ask, tmp_path / 'right.py', '--publish')
    assert err == 'error: --publish does not go with --fits; leave it out\n'
    code, _, err = run(*ask[:2])
    assert '--fits needs --detector CONFIG' in err
    with pytest.raises(UserError, match='trains a detector'):
        right = r50()
        right.default_scope = 'mmdet'
        will_fit(right, r50())


def test_a_published_name_is_kept(tmp_path, written, r50):
    options = Options(publish=True, detector=r50())
    src = tmp_path / 'epoch_1.pth'
    path = convert(src, tmp_path / 'p.pth', options).path
    check_file(path, r50())
    other = path.with_name('p-00000000.pth')
    path.rename(other)
    with pytest.raises(UserError, match='that its SHA-256 starts with'):
        check_file(other, r50())
    with pytest.raises(UserError, match='that its SHA-256 starts with'):
        convert(other, tmp_path / 'c.pth')
    dated = other.rename(other.with_name('p-20240131.pth'))
    check_file(dated, r50())
