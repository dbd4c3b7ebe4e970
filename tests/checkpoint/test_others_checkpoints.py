"""Checkpoints as other libraries save them convert, or name the flag."""

import re

import pytest
import torch

from cds_mm.checkpoint import Options, convert
from cds_mm.commands import convert_backbone
from cds_mm.errors import UserError

CONFIG = 'mmpretrain::resnet/resnet18_8xb32_in1k.py'
NUMBERS = dict(
    conv1='0', bn1='1', layer1='4', layer2='5', layer3='6', layer4='7'
)
DENSE = dict(
    conv1='0', bn1='1', layer1='2', layer2='3', layer3='4', layer4='5'
)
TOP = torch.zeros(4, 512)


def put(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def numbered(state, numbers):
    parts = (key.split('.', 1) for key in state)
    names = [f'{numbers[first]}.{rest}' for first, rest in parts]
    return dict(zip(names, state.values(), strict=True))


@pytest.fixture
def bare(resnet):
    state = resnet('resnet18').state_dict()
    return {k: v for k, v in state.items() if not k.startswith('fc.')}


def of_moco(bare):
    q = put('module.encoder_q.', bare)
    q['module.encoder_q.fc.0.weight'] = TOP
    k = put('module.encoder_k.', {key: v + 1 for key, v in bare.items()})
    return dict(state_dict=q | k | {'module.queue': TOP})


def of_simsiam(bare):
    top = {'module.encoder.fc.0.weight': TOP, 'module.predictor.0.bias': TOP}
    return dict(state_dict=put('module.encoder.', bare) | top)


def of_swav(bare):
    tops = {'projection_head.0.weight': TOP, 'prototypes.weight': TOP}
    return put('module.', bare | tops)


def of_lightning(bare):
    state = put('model.', bare) | {'model.fc.weight': TOP}
    return dict(state_dict=state, hyper_parameters=dict(lr=1))


def of_dino(bare):
    other = {key: value + 1 for key, value in bare.items()}
    student = put('module.backbone.', other) | {'module.head.mlp.0.bias': TOP}
    teacher = put('backbone.', bare) | {'head.mlp.0.bias': TOP}
    loss = dict(center=TOP)
    return dict(student=student, teacher=teacher, dino_loss=loss, epoch=3)


def of_ema_settings(bare):
    return dict(model=put('backbone.', bare), ema=dict(decay=0.99, updates=7))


def of_nested_ema(bare):
    other = {key: value + 1 for key, value in bare.items()}
    averaged = dict(decay=0.9, module=put('backbone.', bare))
    return dict(model=put('backbone.', other), ema=averaged)


def of_compiled_part(bare):
    return dict(state_dict=put('backbone._orig_mod.', bare))


def of_parallel_part(bare):
    return dict(model=put('encoder.module.', bare) | {'head.0.weight': TOP})


def of_lightly(bare):
    top = {'projection_head.layers.0.weight': TOP}
    return dict(state_dict=put('backbone.', numbered(bare, NUMBERS)) | top)


def of_dense_sequential(bare):
    return dict(state_dict=put('net.', numbered(bare, DENSE)))


def of_supcontrast(bare):
    names = {k: k.replace('.downsample.', '.shortcut.') for k in bare}
    state = {names[key]: value for key, value in bare.items()}
    return dict(model=put('encoder.module.', state) | {'head.0.bias': TOP})


def of_two_prefixes(bare):
    other = {key: value + 1 for key, value in bare.items()}
    return dict(state_dict=put('teacher.', bare) | put('student.', other))


SOURCES = [
    of_moco,
    of_simsiam,
    of_swav,
    of_lightning,
    of_dino,
    of_ema_settings,
    of_nested_ema,
    of_compiled_part,
    of_parallel_part,
    of_lightly,
    of_dense_sequential,
    of_supcontrast,
    of_two_prefixes,
]
# Where the message offers two, the one that holds `bare`.
CHOICES = {
    of_moco: ('--prefix', 'encoder_q.'),
    of_dino: ('--weights', 'teacher'),
    of_two_prefixes: ('--prefix', 'teacher.'),
}


@pytest.mark.parametrize('source', SOURCES, ids=lambda s: s.__name__)
def test_following_the_message_converts(source, bare, tmp_path):
    src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(source(bare), src)
    flags = ['--config', CONFIG]
    for _ in range(3):
        try:
            convert_backbone.main([str(src), str(dst), *flags])
            break
        except UserError as error:
            offered = re.findall(r'(--\w+) (\S+?)(?=,|$)', str(error))
            assert offered, error
            chosen = CHOICES.get(source, offered[0])
            assert chosen in offered, error
            flags += chosen
    state = torch.load(dst, weights_only=True)['state_dict']
    assert state.keys() == bare.keys()
    assert all(torch.equal(state[key], bare[key]) for key in bare)


def test_a_wrapper_in_the_prefix_that_is_given(bare, tmp_path):
    src = tmp_path / 'src.pth'
    torch.save(of_parallel_part(bare), src)
    for prefix in ('encoder.module.', 'encoder.'):
        options = Options(config=CONFIG, prefix=prefix)
        assert convert(src, tmp_path / 'd.pth', options).kept == len(bare)


def test_a_part_that_is_called_module_is_no_wrapper(seed):
    from cds_mm.checkpoint.weights import without_wrappers

    state = {'a.module.x': 1, 'a.y': 2, 'b.module.z': 3}
    assert without_wrappers(state) == {'a.module.x': 1, 'a.y': 2, 'b.z': 3}
    both = {'a.x': 1, 'a._orig_mod.x': 2}
    assert without_wrappers(both) == both


def test_no_such_set_of_weights(bare, tmp_path):
    src = tmp_path / 'src.pth'
    torch.save(of_dino(bare), src)
    options = Options(config=CONFIG, weights='techer')
    with pytest.raises(UserError, match=r"'techer'.*student, teacher"):
        convert(src, tmp_path / 'd.pth', options)


def test_another_network_under_a_prefix(mm_backbone, tmp_path):
    network = mm_backbone(type='ConvNeXt', arch='atto')
    src = tmp_path / 'src.pth'
    torch.save(put('model.', network.state_dict()), src)
    config = tmp_path / 'c.py'
    config.write_text(
        "model = dict(backbone=dict(type='ConvNeXt', arch='atto'))\n"
        'train_dataloader = dict(dataset=dict(type="CIFAR10", pipeline=[]))\n'
    )
    options = Options(config=config)
    with pytest.raises(UserError, match=r'--prefix model\.$'):
        convert(src, tmp_path / 'd.pth', options)
    options.prefix = 'model.'
    kept = convert(src, tmp_path / 'd.pth', options).kept
    assert kept == len(network.state_dict())


def test_a_url_is_no_file(tmp_path):
    for url in ('torchvision://resnet18', 'https://example.org/a.pth'):
        with pytest.raises(UserError, match='is a URL.*download it'):
            convert(url, tmp_path / 'd.pth')


def test_a_part_of_a_backbone_is_no_head(tmp_path):
    """Under ``backbone.`` all is the backbone's."""
    from cds_mm.checkpoint import extract_backbone

    state = {'backbone.fc.weight': torch.ones(1), 'head.fc.a': torch.ones(1)}
    found = extract_backbone({'state_dict': state}, 'a.pth')
    assert list(found.state) == ['fc.weight']
    assert found.dropped == {'head': 1}
