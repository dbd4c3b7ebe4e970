"""Checkpoints of MMPretrain's own self-supervised methods as sources."""

import re

import pytest
import torch

from cds_mm.checkpoint import Options, convert, extract_backbone, report
from cds_mm.checkpoint.probe_image import normalised_image, stage_features
from cds_mm.config.files import named_config
from cds_mm.errors import UserError

# Its config, and where the average of the encoder is; MMPretrain's configs
# evaluate what is under ``backbone.`` in all of them.
METHODS = {
    'MoCo': ('mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py', 'encoder_k'),
    'BYOL': ('byol/byol_resnet50_16xb256-coslr-200e_in1k.py', 'target_net'),
    'SimCLR': ('simclr/simclr_resnet50_16xb256-coslr-200e_in1k.py', None),
    'BarlowTwins': (
        'barlowtwins/barlowtwins_resnet50_8xb256-coslr-300e_in1k.py',
        None,
    ),
    'SimSiam': ('simsiam/simsiam_resnet50_8xb32-coslr-100e_in1k.py', None),
    'DenseCL': (
        'densecl/densecl_resnet50_8xb32-coslr-200e_in1k.py',
        'encoder_k',
    ),
    'MoCoV3': (
        'mocov3/mocov3_resnet50_8xb512-amp-coslr-100e_in1k.py',
        'momentum_encoder',
    ),
}
NARROW = dict(depth=18, base_channels=8, stem_channels=8)


def narrowed(cfg):
    """A stock config with a small network, for one CPU and one process."""

    def small(value):
        if isinstance(value, dict):
            if value.get('type') == 'SyncBN':
                value['type'] = 'BN'
            for key in ('in_channels', 'hid_channels', 'out_channels'):
                if value.get(key, 0) >= 2048:
                    value[key] = 64
            for item in value.values():
                small(item)

    cfg.model.backbone.update(NARROW)
    small(cfg.model)
    if 'queue_len' in cfg.model:
        cfg.model.queue_len = 16
    return cfg


@pytest.fixture
def trained(tmp_path, seed):
    """Trains a stock config for two steps and saves as MMEngine does."""
    from mmengine.logging import MessageHub
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS

    hub = MessageHub.get_current_instance()
    hub.update_info('max_iters', 10)

    def train(method, **preprocessor):
        cfg, _ = named_config(f'mmpretrain::{METHODS[method][0]}')
        cfg = narrowed(cfg)
        (cfg.model.get('data_preprocessor') or cfg.data_preprocessor).update(
            preprocessor
        )
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            model = MODELS.build(cfg.model)
        assert type(model).__name__ == method
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(2):
            views = [torch.randn(4, 3, 64, 64) for _ in range(2)]
            losses = model.loss(views, [])
            optimizer.zero_grad()
            model.parse_losses(losses)[0].backward()
            optimizer.step()
        src, config = tmp_path / 'epoch_1.pth', tmp_path / 'theirs.py'
        meta = dict(epoch=1, cfg=cfg.pretty_text, seed=0)
        torch.save(dict(meta=meta, state_dict=model.state_dict()), src)
        cfg.dump(config)
        return model.eval(), src, config

    yield train
    hub.runtime_info.pop('max_iters')


def assert_is(found, backbone, record):
    images = normalised_image(record)
    ours, theirs = (stage_features(one, images) for one in (found, backbone))
    for stage in range(4):
        assert torch.equal(ours[stage], theirs[stage])


@pytest.mark.parametrize(
    'method',
    [
        'MoCo',
        'BYOL',
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in METHODS
            if name not in ('MoCo', 'BYOL')
        ),
    ],
)
def test_the_encoder_that_is_evaluated(method, trained, mm_backbone, tmp_path):
    model, src, config = trained(method)
    options = Options(config=config)
    result = convert(src, tmp_path / 'b.pth', options)
    record = result.record
    assert (record.channel_order, record.mean, record.std) == (
        'rgb',
        [123.675, 116.28, 103.53],
        [58.395, 57.12, 57.375],
    )
    network = mm_backbone(type='ResNet', **NARROW)
    network.eval()
    state = torch.load(result.path, weights_only=True)['state_dict']
    network.load_state_dict(state, strict=True)
    assert_is(network, model.backbone, record)
    said = report(result, options)
    average = METHODS[method][1]
    if average is None:
        assert 'its average' not in said
        return
    assert 'taken is the trained encoder (backbone.*)' in said
    prefix = re.search(r'--prefix (\S+)', said)[1]
    assert prefix == f'{average}.module.0.'
    options.prefix = prefix
    averaged = getattr(model, average).module[0]
    result = convert(src, tmp_path / 'b.pth', options)
    state = torch.load(result.path, weights_only=True)['state_dict']
    expected = averaged.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in state)
    assert not torch.equal(state['conv1.weight'], model.backbone.conv1.weight)


def test_the_order_of_their_preprocessor(trained, tmp_path):
    """Their loader gives BGR, and their preprocessor may leave it so."""
    mean, std = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    _, src, config = trained('SimCLR', to_rgb=False, mean=mean, std=std)
    record = convert(src, tmp_path / 'b.pth', Options(config=config)).record
    assert (record.channel_order, record.mean, record.std) == (
        'bgr',
        mean,
        std,
    )


def test_a_student_and_a_teacher(mm_backbone, tmp_path):
    """DINO evaluates the teacher; who it is, the file does not say."""
    student, teacher = (
        mm_backbone(type='ResNet', **NARROW).state_dict() for _ in range(2)
    )
    state = {f'backbone.{key}': value for key, value in student.items()}
    state |= {f'teacher.module.0.{k}': v for k, v in teacher.items()}
    state['teacher.steps'] = torch.tensor(3)
    with pytest.raises(UserError) as error:
        extract_backbone(dict(state_dict=state), 'a.pth')
    said = str(error.value)
    flags = re.findall(r'--prefix (\S+?)(?:,|$)', said)
    assert flags == ['backbone.', 'teacher.module.0.'] and '\n' not in said
    for flag, expected in zip(flags, (student, teacher), strict=True):
        found = extract_backbone(dict(state_dict=state), 'a.pth', prefix=flag)
        assert found.state.keys() == expected.keys()
        assert all(found.state[key] is expected[key] for key in expected)


def test_another_network_beside_it_is_no_copy(mm_backbone):
    """A teacher of distillation, say, of another width."""
    student = mm_backbone(type='ResNet', **NARROW).state_dict()
    wide = mm_backbone(type='ResNet', **{**NARROW, 'base_channels': 16})
    state = {f'backbone.{key}': value for key, value in student.items()}
    state |= {f'teacher.{k}': v for k, v in wide.state_dict().items()}
    found = extract_backbone(dict(state_dict=state), 'a.pth')
    assert found.note == '' and len(found.state) == len(student)
