"""Parts of a checkpoint that are not what a run takes them for."""

import copy

import pytest
import torch

from cds_mm.checkpoint.parts import check_parts, check_trained
from cds_mm.errors import UserError

SOUND = dict(
    state_dict={'a.weight': torch.ones(2, 2), 'a.count': torch.tensor(3)},
    meta=dict(epoch=2, iter=20, seed=1),
    optimizer=dict(state={}, param_groups=[dict(lr=0.1, params=[0])]),
    param_schedulers=[dict(last_step=2)],
    message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
)


def changed(key, value):
    """A sound checkpoint with another value at a key with dots."""
    content = copy.deepcopy(SOUND)
    *path, last = key.split('/')
    part = content
    for name in path:
        part = part[name]
    part[last] = value
    return content


def test_sound_ones():
    check_parts(SOUND, 'x', resume=True)
    check_parts(dict(meta=None), 'x')
    check_parts({}, 'x')
    # Of an optimizer for each part of a model, as MMEngine keeps them.
    two = dict.fromkeys('ab', SOUND['optimizer'])
    check_parts(changed('optimizer', two), 'x', resume=True)
    schedulers = dict(a=[{}], b=[{}])
    check_parts(changed('param_schedulers', schedulers), 'x', resume=True)


@pytest.mark.parametrize(
    'key, value',
    [
        ('state_dict', [1]),
        ('state_dict', 'weights'),
        ('state_dict/a.weight', 'x'),
        ('state_dict/a.weight', None),
        ('meta', [1]),
        ('meta', 'epoch 3'),
    ],
)
def test_parts_that_everybody_reads(key, value):
    for resume in (False, True):
        with pytest.raises(UserError, match='^x.pth: its ') as error:
            check_parts(changed(key, value), 'x.pth', resume)
        assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'key, value',
    [
        ('meta/epoch', 'three'),
        ('meta/epoch', -5),
        ('meta/epoch', 1.5),
        ('meta/epoch', True),
        ('meta/iter', 10**30),
        ('optimizer', 'x'),
        ('optimizer', {}),
        ('optimizer', dict(a='x')),
        ('optimizer/param_groups', []),
        ('optimizer/param_groups', [1]),
        ('param_schedulers', 'x'),
        ('param_schedulers', ['x']),
        ('message_hub', 'x'),
    ],
)
def test_parts_that_a_resume_reads(key, value):
    with pytest.raises(UserError, match='^x.pth: its '):
        check_parts(changed(key, value), 'x.pth', resume=True)
    check_parts(changed(key, value), 'x.pth')


def test_a_checkpoint_that_mmengine_cannot_go_on_from():
    content = dict(SOUND)
    del content['message_hub']
    with pytest.raises(UserError, match='load_from=x.pth'):
        check_parts(content, 'x.pth', resume=True)


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize(
    'dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64]
)
def test_weights_that_are_not_finite(bad, dtype):
    own = dict(w=torch.zeros(3, 4))
    weights = torch.ones(3, 4, dtype=dtype)
    check_trained(dict(w=weights, other=torch.tensor(bad)), own, 'x.pth')
    # The sum of these overflows, and each of them is finite.
    most = torch.full((3, 4), torch.finfo(dtype).max, dtype=dtype)
    check_trained(dict(w=most), own, 'x.pth')
    weights[1, 2] = bad
    with pytest.raises(UserError, match='w holds NaN or infinity'):
        check_trained(dict(w=weights), own, 'x.pth')


@pytest.mark.parametrize(
    'dtype', [torch.int32, torch.int8, torch.bool, torch.complex64]
)
def test_weights_that_are_no_real_numbers(dtype):
    own = dict(w=torch.ones(2))
    with pytest.raises(UserError, match='no trained weights'):
        check_trained(dict(w=torch.ones(2, dtype=dtype)), own, 'x.pth')


def test_buffers_that_are_no_weights():
    """Swin has an index of positions, others a mask of infinity."""
    own = dict(index=torch.arange(4), mask=torch.tensor([0, -torch.inf]))
    check_trained(own, own, 'x.pth')
    check_trained(dict(own, index=own['index'].float()), own, 'x.pth')
    check_trained({}, own, 'x.pth')
