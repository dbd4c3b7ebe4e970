"""What is written is the plain backbone, proven; or nothing is written."""

import hashlib
import math

import pytest
import torch
from mmengine.runner import CheckpointLoader
from safetensors.torch import load_file

from cds_mm.checkpoint import Options, check_file, convert, read_checkpoint
from cds_mm.config import named_config
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS

WIDE = {'base_channels': 64, 'stem_channels': 64}


def plain_state(network):
    return {
        key: value
        for key, value in network.state_dict().items()
        if not key.startswith('fc.')
    }


def assert_same_state(found, network):
    expected = plain_state(network)
    assert set(found) == set(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_the_file_is_the_plain_backbone(tmp_path, training_file, detector):
    src, network = training_file()
    result = convert(src, tmp_path / 'b.pth', Options(detector=detector()))
    assert result.dropped == {'head': 1, 'branches': 1}
    content = torch.load(result.path, weights_only=True)
    assert_same_state(content['state_dict'], network)
    assert content['meta']['cds_mm']['method'] == 'cds'
    loaded = CheckpointLoader.load_checkpoint(str(result.path), 'cpu')
    assert_same_state(loaded['state_dict'], network)
    assert max(row[3] or 0 for row in result.proof.rows) <= 1e-5


def test_mmengine_loads_it_into_the_detector(
    tmp_path, training_file, detector
):
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    src, network = training_file()
    path = convert(src, tmp_path / 'b.pth').path
    cfg = detector(init_cfg=dict(type='Pretrained', checkpoint=str(path)))
    with DefaultScope.overwrite_default_scope('mmdet'):
        backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    assert_same_state(backbone.state_dict(), network)


def test_the_table_counts_what_is_loaded(tmp_path, training_file, detector):
    src, network = training_file()
    options = Options(detector=detector())
    rows = convert(src, tmp_path / 'b.pth', options).proof.rows
    by_part = {part: row for part, *row in rows}
    parts = ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    assert list(by_part) == parts
    for part in parts[1:]:
        module = getattr(network, part)
        tensors, parameters, gap = by_part[part]
        assert tensors == len(module.state_dict())
        assert parameters == sum(p.numel() for p in module.parameters())
        # Of features, not of weights, and too small to matter.
        assert 0 <= gap <= 1e-5
    assert by_part['stem'][:2] == [6, 16 * 3 * 49 + 32]


def test_safetensors_carries_the_same(tmp_path, training_file, detector):
    src, network = training_file()
    path = convert(src, tmp_path / 'b.safetensors').path
    assert_same_state(load_file(path), network)
    check_file(path, detector())


def test_published_name_is_the_hash(tmp_path, training_file):
    src, _ = training_file()
    path = convert(src, tmp_path / 'b.pth', Options(publish=True)).path
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert path.name == f'b-{digits}.pth'


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_a_published_file_has_to_have_its_name(
    tmp_path, training_file, detector, suffix
):
    src, _ = training_file()
    target = tmp_path / f'b.{suffix}'
    path = convert(src, target, Options(publish=True)).path
    check_file(path, detector())
    wrong = path.with_name(f'b-00000000.{suffix}')
    wrong.write_bytes(path.read_bytes())
    with pytest.raises(UserError, match='SHA-256 starts with 00000000'):
        check_file(wrong, detector())
    # What the message says, followed.
    check_file(wrong.rename(tmp_path / f'renamed.{suffix}'), detector())


@pytest.mark.parametrize(
    ('name', 'noted'),
    [
        ('net-20240131.pth', False),  # a date
        ('net-1a2b3c4d.pth', True),
        ('net.pth', False),
        ('net-1a2b3c4d5.pth', True),
        ('net-1a2b3c4.pth', False),
    ],
)
def test_a_foreign_name_is_only_noted(tmp_path, training_file, name, noted):
    src, _ = training_file()
    other = src.rename(tmp_path / name)
    notes = convert(other, tmp_path / 'b.pth').notes
    assert any('is it the right file?' in note for note in notes) == noted
    digits = hashlib.sha256(other.read_bytes()).hexdigest()[:8]
    right = other.rename(tmp_path / f'net-{digits}.pth')
    assert not convert(right, tmp_path / 'c.pth').notes


def test_torchvision_file(tmp_path, resnet, detector):
    network, src = resnet(), tmp_path / 'tv.pth'
    state = {f'module.{k}': v for k, v in network.state_dict().items()}
    torch.save(state, src)
    options = Options(detector=detector(**WIDE))
    result = convert(src, tmp_path / 'b.pth', options)
    content = torch.load(result.path, weights_only=True)
    assert_same_state(content['state_dict'], network)
    assert 'recognised by its shapes' in result.notes[0]


@pytest.fixture
def bare_file(tmp_path):
    def save(network):
        path = tmp_path / 'bare.pth'
        torch.save(plain_state(network), path)
        return path

    return save


def test_backbone_alone_wants_a_config(tmp_path, resnet, bare_file, detector):
    network = resnet('resnet50')
    src = bare_file(network)
    cfg = detector(depth=50, **WIDE)
    stock = 'mmpretrain::resnet/resnet50_8xb32_in1k.py'
    line = rf'Caffe look the same.*--config, or {stock}'
    assert_refused(src, tmp_path, Options(detector=cfg), line)
    options = Options(detector=cfg, config=stock)  # the one it names works
    result = convert(src, tmp_path / 'b.pth', options)
    assert_same_state(read_checkpoint(result.path)['state_dict'], network)


@pytest.mark.parametrize('depth', [18, 34, 50, 101, 152])
def test_the_config_that_is_named_exists(depth):
    cfg, _ = named_config(f'mmpretrain::resnet/resnet{depth}_8xb32_in1k.py')
    assert cfg.model.backbone.depth == depth


def test_wide_backbone_alone_has_no_stock_config(tmp_path, bare_file):
    import torchvision

    src = bare_file(torchvision.models.wide_resnet50_2())
    assert_refused(src, tmp_path, Options(), r'trained it with --config$')


def test_detector_may_return_fewer_stages(tmp_path, training_file, detector):
    src, _ = training_file()
    cfg = detector(out_indices=(1, 3), frozen_stages=4)
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    # All are loaded, and all are proven.
    gaps = {part: gap for part, _, _, gap in result.proof.rows}
    assert list(gaps) == ['stem', 'layer1', 'layer2', 'layer3', 'layer4']
    assert all(gaps[f'layer{i}'] <= 1e-5 for i in range(1, 5))


def test_detector_may_end_early(tmp_path, training_file, detector):
    src, _ = training_file()
    cfg = detector(
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    )
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    assert [row[0] for row in result.proof.rows][-1] == 'layer3'
    assert 'layer4 is not loaded' in result.proof.notes[0]


def test_synchronised_norms(tmp_path, training_file, detector):
    src, _ = training_file(norm_cfg={'type': 'SyncBN'})
    cfg = detector(norm_cfg={'type': 'SyncBN'}, norm_eval=False)
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    # Built plain here, but recorded as the training had it.
    assert result.record.backbone['norm_cfg'] == {'type': 'SyncBN'}


def test_half_precision_weights(tmp_path, training_file, detector):
    src, network = training_file()
    content = torch.load(src, weights_only=True)
    state = content['state_dict']
    content['state_dict'] = {
        k: v.half() if v.is_floating_point() else v for k, v in state.items()
    }
    torch.save(content, src)
    result = convert(src, tmp_path / 'b.pth', Options(detector=detector()))
    # What they hold, and not that it is rounded any further.
    written = read_checkpoint(result.path)['state_dict']
    assert_same_state(
        {key: value.double() for key, value in written.items()},
        network.half().double(),
    )


def drop_half(content):
    keys = [k for k in content['state_dict'] if k.startswith('backbone.')]
    for key in keys[::2]:
        del content['state_dict'][key]


def put_nan(content):
    content['state_dict']['backbone.layer3.1.conv2.weight'][0, 0] = math.nan


def put_infinity(content):
    content['state_dict']['backbone.bn1.running_var'][3] = math.inf


def other_prefix(content):
    content['state_dict'] = {
        k.replace('backbone.', 'model.encoder.'): v
        for k, v in content['state_dict'].items()
    }


def no_record(content):
    del content['meta']['cds_mm']


def damaged_record(content):
    content['meta']['cds_mm']['mean'] = [1.0]


def future_record(content):
    content['meta']['cds_mm']['format'] = 99


def unknown_order(content):
    content['meta']['cds_mm']['channel_order'] = None


def no_weights(content):
    content['state_dict'] = {}


def wrong_depth_in_record(content):
    content['meta']['cds_mm']['backbone']['depth'] = 34


def other_shape(content):
    state = content['state_dict']
    key = 'backbone.layer2.0.conv1.weight'
    state[key] = state[key][:, :8].clone()


@pytest.mark.parametrize(
    ('damage', 'line'),
    [
        (drop_half, r'60 of 100 tensors .* missing'),
        (put_nan, r'1 of 120 .* NaN .*layer3\.1\.conv2'),
        (put_infinity, r'infinity.*bn1\.running_var'),
        (other_prefix, r"'model\.encoder\.'.*--prefix model\.encoder\."),
        (no_record, r'no record.*--config'),
        (damaged_record, r'record is damaged'),
        (future_record, r'not of format 1'),
        (unknown_order, r'--channel-order'),
        (no_weights, r'no weights'),
        (wrong_depth_in_record, r'missing.*layer1\.2'),
        (other_shape, r'layer2\.0\.conv1\.weight is 32x8x3x3'),
    ],
)
def test_damaged_sources(tmp_path, training_file, detector, damage, line):
    src, _ = training_file()
    content = torch.load(src, weights_only=True)
    damage(content)
    torch.save(content, src)
    assert_refused(src, tmp_path, Options(detector=detector()), line)


def assert_refused(src, tmp_path, options, line):
    dst = tmp_path / 'out' / 'b.pth'
    dst.parent.mkdir()
    with pytest.raises(UserError, match=line) as caught:
        convert(src, dst, options)
    assert '\n' not in str(caught.value)
    assert list(dst.parent.iterdir()) == []


OTHER_MEAN = {'preprocessor': {'mean': [123.675, 116.28, 104.53]}}
OTHER_STD = {'preprocessor': {'std': [1.0, 1.0, 1.0]}}
SWAPPED = {'preprocessor': {'bgr_to_rgb': False}}


@pytest.mark.parametrize(
    ('changes', 'line'),
    [
        (SWAPPED, r'trained on RGB.*feeds it BGR.*bgr_to_rgb=True'),
        (OTHER_MEAN, r'mean: .*103\.53.*104\.53'),
        (OTHER_STD, r'std: .*58\.395.*1\.0'),
        ({'depth': 34}, r'depth: .*ResNet-18.*ResNet-34.*depth=18'),
        ({'depth': 50}, r'depth: .*ResNet-18.*ResNet-50'),
        ({'deep_stem': True}, r'stem: .*7x7 stem.*deep stem'),
        ({'strides': (1, 2, 2, 1)}, r'stage 4: .*4x4.*8x8'),
        ({'base_channels': 32}, r'width: .*16x16x3x3.*base_channels=16'),
        ({'type': 'mmpretrain.ResNet_CIFAR'}, r'7x7 stem.*3x3 stem'),
        (
            {'norm_cfg': {'type': 'GN', 'num_groups': 8}},
            r'norm: the file holds BatchNorm, .*GroupNorm',
        ),
        ({'norm_cfg': {'type': 'BN', 'eps': 0.1}}, r'stage 1: .*difference'),
    ],
)
def test_mismatched_detectors(
    tmp_path, training_file, detector, changes, line
):
    src, _ = training_file()
    options = Options(detector=detector(**changes))
    assert_refused(src, tmp_path, options, line)


def test_stride_style(tmp_path, training_file, detector):
    src, _ = training_file(depth=50, style='pytorch')
    options = Options(detector=detector(depth=50, style='caffe'))
    assert_refused(src, tmp_path, options, r"style: .*'pytorch'.*'caffe'")


def test_stock_config_by_name(tmp_path, training_file):
    src, _ = training_file(depth=50, base_channels=64, stem_channels=64)
    name = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
    proof = convert(src, tmp_path / 'b.pth', Options(detector=name)).proof
    assert sum(row[2] for row in proof.rows) == 23_508_032
    caffe = 'mmdet::faster_rcnn/faster-rcnn_r50-caffe_fpn_1x_coco.py'
    assert_refused(src, tmp_path, Options(detector=caffe), 'channel order')


@pytest.fixture
def released_file(tmp_path, resnet):
    network = resnet()
    state = {f'module.{k}': v for k, v in network.state_dict().items()}
    state['module.auxiliary1.0.op.0.weight'] = torch.ones(64, 1, 3, 3)
    path = tmp_path / 'released.pth'
    torch.save(state, path)
    return path, network


def test_released_checkpoint_is_refused(tmp_path, released_file, detector):
    options = Options(detector=detector(**WIDE))
    line = r'never calls its max-pool.*--accept-missing-maxpool'
    assert_refused(released_file[0], tmp_path, options, line)


def test_released_checkpoint_converted_knowingly(
    tmp_path, released_file, detector
):
    src, network = released_file
    cfg = detector(**WIDE)
    options = Options(detector=cfg, accept_missing_maxpool=True)
    result = convert(src, tmp_path / 'b.pth', options)
    assert result.record.trained_without_maxpool is True
    assert any('not the network as trained' in note for note in result.notes)
    state = read_checkpoint(result.path)['state_dict']
    assert_same_state(state, network)


def test_own_network_without_maxpool(tmp_path, training_file, detector):
    src, _ = training_file(type='ResNetNoMaxPool')
    options = Options(detector=detector())
    assert_refused(src, tmp_path, options, r'stage 1: .*64x64.*32x32')
    knowingly = Options(detector=detector(), accept_missing_maxpool=True)
    result = convert(src, tmp_path / 'b.pth', knowingly)
    assert result.record.backbone['type'] == 'ResNet'


def test_flag_where_nothing_is_missing(tmp_path, training_file):
    src, _ = training_file()
    options = Options(accept_missing_maxpool=True)
    assert_refused(src, tmp_path, options, 'leave out')


def test_prefix_by_hand(tmp_path, training_file):
    src, network = training_file()
    content = torch.load(src, weights_only=True)
    other_prefix(content)
    torch.save(content, src)
    options = Options(prefix='model.encoder.')
    path = convert(src, tmp_path / 'b.pth', options).path
    assert_same_state(read_checkpoint(path)['state_dict'], network)
    assert_refused(src, tmp_path, Options(prefix='x.'), "starts with 'x.'")


def test_the_source_is_never_overwritten(training_file):
    src, _ = training_file()
    before = src.read_bytes()
    with pytest.raises(UserError, match='overwrite'):
        convert(src, src)
    assert src.read_bytes() == before


def test_config_must_agree_with_the_record(tmp_path, training_file, mm_config):
    src, _ = training_file()
    convert(src, tmp_path / 'b.pth', Options(config=mm_config()))
    fewer = mm_config()
    fewer.model.backbone.out_indices = (3,)
    convert(src, tmp_path / 'c.pth', Options(config=fewer))
    other = mm_config(mean=[0.0, 0.0, 0.0])
    assert_refused(src, tmp_path, Options(config=other), 'record says mean')


def test_mmpretrain_checkpoint_with_its_config(
    tmp_path, training_file, detector
):
    src, network = training_file(base_channels=64, stem_channels=64)
    content = torch.load(src, weights_only=True)
    no_record(content)
    torch.save(content, src)
    options = Options(
        config='mmpretrain::resnet/resnet18_8xb32_in1k.py',
        detector=detector(**WIDE),
    )
    result = convert(src, tmp_path / 'b.pth', options)
    assert result.record.channel_order == 'rgb'
    assert_same_state(read_checkpoint(result.path)['state_dict'], network)


def test_a_classifier_is_no_detector(tmp_path, training_file):
    src, _ = training_file()
    leaf = str(CONFIGS / 'cds_r18_folder.py')
    with pytest.raises(UserError, match="has no detector's model.backbone"):
        convert(src, tmp_path / 'b.pth', Options(detector=leaf))
