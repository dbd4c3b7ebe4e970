"""Backbones as self-supervised methods and trainers save them."""

import pytest
import torch

from cds_mm.checkpoint import Options, convert, read_checkpoint
from cds_mm.commands import convert_backbone
from cds_mm.errors import UserError

CONFIG = 'mmpretrain::resnet/resnet18_8xb32_in1k.py'


def under(prefix, state):
    return {f'{prefix}{key}': value for key, value in state.items()}


def as_sequence(state, names):
    """As ``Sequential(*children)`` names them."""
    renamed = {}
    for key, value in state.items():
        first, rest = key.split('.', 1)
        renamed[f'{names.index(first)}.{rest}'] = value
    return renamed


TORCHVISION = 'conv1 bn1 relu maxpool layer1 layer2 layer3 layer4'.split()
WITHOUT_POOL = 'conv1 bn1 layer1 layer2 layer3 layer4'.split()


def shortcuts(state):
    return {k.replace('downsample', 'shortcut'): v for k, v in state.items()}


# What a program saves of a network with and without its head, and the flags.
PROGRAMS = {
    'a head of several layers': (
        lambda full, bare: dict(
            state_dict=under('module.base.', bare)
            | {'module.base.fc.2.bias': torch.ones(3)}
        ),
        dict(prefix='base.'),
    ),
    'a head': (
        lambda full, bare: dict(state_dict=under('net.', full)),
        dict(prefix='net.'),
    ),
    'compiled in part': (
        lambda full, bare: under('backbone._orig_mod.', bare),
        {},
    ),
    'wrapped and compiled': (
        lambda full, bare: dict(
            model=under('encoder.module._orig_mod.', full)
        ),
        dict(prefix='encoder.'),
    ),
    'children': (
        lambda full, bare: under('backbone.', as_sequence(bare, TORCHVISION)),
        {},
    ),
    'children without a pool': (
        lambda full, bare: as_sequence(bare, WITHOUT_POOL),
        {},
    ),
    'shortcuts': (
        lambda full, bare: dict(model=under('encoder.', shortcuts(bare))),
        dict(prefix='encoder.'),
    ),
    'a named one of two': (
        lambda full, bare: dict(
            first=under('backbone.', {k: v * 0 for k, v in bare.items()}),
            second=under('module.backbone.', bare)
            | {'module.head.b': bare['bn1.bias']},
            epoch=3,
        ),
        dict(weights='second'),
    ),
    'settings of an average': (
        lambda full, bare: dict(
            model=under('backbone.', bare), ema=dict(decay=0.9, updates=5)
        ),
        {},
    ),
}


@pytest.mark.parametrize('program', PROGRAMS)
def test_it_converts(program, tmp_path, resnet):
    full = resnet().state_dict()
    bare = {k: v for k, v in full.items() if not k.startswith('fc.')}
    make, flags = PROGRAMS[program]
    torch.save(make(full, bare), tmp_path / 'src.pth')
    options = Options(config=CONFIG, **flags)
    convert(tmp_path / 'src.pth', tmp_path / 'dst.pth', options)
    found = read_checkpoint(tmp_path / 'dst.pth')['state_dict']
    assert found.keys() == bare.keys()
    assert all(torch.equal(found[key], bare[key]) for key in bare)


def test_several_weights_are_named_with_the_flag(tmp_path, resnet):
    full = under('backbone.', resnet().state_dict())
    path = tmp_path / 'a.pth'
    torch.save(dict(student=full, teacher=full, epoch=1), path)
    said = '--weights student or --weights teacher'
    with pytest.raises(UserError, match=said):
        convert(path, tmp_path / 'b.pth', Options(config=CONFIG))
    with pytest.raises(UserError, match="no weights under 'epoch'"):
        convert(path, tmp_path / 'b.pth', Options(weights='epoch'))


def test_several_prefixes_are_named(tmp_path, resnet):
    state = resnet().state_dict()
    path = tmp_path / 'a.pth'
    torch.save(under('student.', state) | under('teacher.', state), path)
    with pytest.raises(UserError, match='--prefix student. or --prefix teac'):
        convert(path, tmp_path / 'b.pth')
    arguments = [path, tmp_path / 'b.pth', '--prefix', 'teacher.']
    convert_backbone.main(map(str, [*arguments, '--config', CONFIG]))
    assert (tmp_path / 'b.pth').exists()


def test_a_part_of_a_backbone_is_no_head(tmp_path):
    """Under ``backbone.`` all is the backbone's."""
    from cds_mm.checkpoint import extract_backbone

    state = {'backbone.fc.weight': torch.ones(1), 'head.fc.a': torch.ones(1)}
    found = extract_backbone({'state_dict': state}, 'a.pth')
    assert list(found.state) == ['fc.weight']
    assert found.dropped == {'head': 1}
