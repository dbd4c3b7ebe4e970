"""Reading runs nothing and explains every file that it refuses."""

import builtins
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import OneCycleLR
from safetensors.torch import save_file
from torch import serialization

from cds_mm.checkpoint import read_checkpoint
from cds_mm.checkpoint.safe import Method
from cds_mm.errors import UserError


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def in_meta(evil):
    return {'state_dict': {'a': torch.ones(1)}, 'meta': {'x': [{'y': evil}]}}


def in_message_hub(evil):
    return {
        'state_dict': {'a': torch.ones(1)},
        'message_hub': {'log_scalars': {'loss': evil}},
    }


def in_tensor_attribute(evil):
    tensor = torch.nn.Parameter(torch.ones(2))
    tensor.note = evil
    return {'state_dict': {'a': tensor}}


def as_key(evil):
    return {'state_dict': {'a': torch.ones(1)}, 'meta': [(evil,)]}


PLACES = [in_meta, in_message_hub, in_tensor_attribute, as_key]
LAYOUTS = [
    {},
    {'_use_new_zipfile_serialization': False},
    {'pickle_protocol': 4},
]


@pytest.mark.parametrize('layout', LAYOUTS, ids=['zip', 'legacy', 'proto4'])
@pytest.mark.parametrize('place', PLACES)
def test_no_code_runs(tmp_path, place, layout):
    touched, path = tmp_path / 'touched', tmp_path / 'evil.pth'
    evil = Calls(os.system, f'touch {touched}')
    torch.save(place(evil), path, **layout)
    with pytest.raises(UserError, match=r'system.*--trust') as caught:
        read_checkpoint(path)
    assert '\n' not in str(caught.value)
    assert not touched.exists()


def test_the_attack_of_these_tests_works(tmp_path):
    touched, path = tmp_path / 'touched', tmp_path / 'evil.pth'
    evil = Calls(os.system, f'touch {touched}')
    torch.save(in_meta(evil), path)
    read_checkpoint(path, trust=True)
    assert touched.exists()


@pytest.mark.parametrize(
    ('evil', 'name'),
    [
        (Calls(eval, '1+1'), 'eval'),
        (Calls(exec, 'pass'), 'exec'),
        (Calls(builtins.__import__, 'os'), '__import__'),
        (Calls(os.makedirs, 'never'), 'makedirs'),
    ],
)
def test_refusal_names_the_global(tmp_path, evil, name):
    path = tmp_path / 'evil.pth'
    torch.save(in_meta(evil), path)
    with pytest.raises(UserError, match=name):
        read_checkpoint(path)


def test_nested_load_is_refused(tmp_path):
    touched, inner = tmp_path / 'touched', tmp_path / 'inner.pth'
    torch.save({'x': Calls(os.system, f'touch {touched}')}, inner)
    evil = Calls(torch.storage._load_from_bytes, inner.read_bytes())
    path = tmp_path / 'outer.pth'
    torch.save(in_meta(evil), path)
    with pytest.raises(UserError, match='_load_from_bytes'):
        read_checkpoint(path)
    assert not touched.exists()


def getattr_chain(target: str) -> bytes:
    """{'a': getattr(OrderedDict, target)} in protocol 2."""
    name = target.encode()
    length = len(name).to_bytes(4, 'little')
    return (
        b'\x80\x02}X\x01\x00\x00\x00ac__builtin__\ngetattr\n'
        b'ccollections\nOrderedDict\nX' + length + name + b'\x86Rs.'
    )


def test_getattr_is_refused_by_name(raw_zip):
    content = getattr_chain('__subclasses__')
    assert callable(pickle.loads(content)['a'])  # with the real getattr
    line = r"getattr\(\.\.\., '__subclasses__'\).*--trust"
    with pytest.raises(UserError, match=line) as caught:
        read_checkpoint(raw_zip(content))
    assert '\n' not in str(caught.value)


def looked_up(owner: str, *names: str) -> bytes:
    """{'a': getattr(...getattr(owner, names[0])..., names[-1])}."""
    content = owner.encode('latin-1')
    for name in names:
        text = name.encode()
        length = len(text).to_bytes(4, 'little')
        content = GETATTR.encode() + content + b'X' + length + text
        content += b'\x86R'
    return b'\x80\x02}X\x01\x00\x00\x00a' + content + b's.'


BUFFER = 'cmmengine.logging.history_buffer\nHistoryBuffer\n'
SCHEDULER = (
    'cmmengine.optim.scheduler.param_scheduler\nOneCycleParamScheduler\n'
)
GETATTR = 'c__builtin__\ngetattr\n'


@pytest.mark.parametrize('name', ['__import__', 'exec', 'eval'])
def test_the_host_is_spared_a_walk_to_exec(raw_zip, name):
    content = looked_up(GETATTR, '__self__', name)
    path = raw_zip(content)
    # What a later load with the host's own list would hand out.
    with serialization.safe_globals([getattr]):
        host = torch.load(path, weights_only=True)
    assert host == {'a': getattr(builtins, name)}
    with pytest.raises(UserError, match=r"getattr\(\.\.\., '__self__'\)"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ('owner', 'names'),
    [
        (BUFFER, ['__init__']),
        (BUFFER, ['_annealing_cos']),
        (BUFFER, ['min', '__globals__']),
        (SCHEDULER, ['mean']),
        (SCHEDULER, ['_annealing_cos', '__globals__']),
        ('cnumpy\nndarray\n', ['min']),
        (BUFFER + ')\x81', ['min']),  # an instance, not the class
    ],
)
def test_only_what_the_two_ask(raw_zip, owner, names):
    content = looked_up(owner, *names)
    with pytest.raises(UserError, match=rf"'{names[-1]}'\)"):
        read_checkpoint(raw_zip(content))


@pytest.mark.parametrize('name', ['min', 'max', 'current', 'mean'])
def test_statistics_of_a_buffer_are_let_through(raw_zip, name):
    content = looked_up(BUFFER, name)
    assert callable(pickle.loads(content)['a'])
    opened = read_checkpoint(raw_zip(content))
    assert opened == {'a': Method('HistoryBuffer', name)}
    assert not callable(opened['a'])


@pytest.mark.parametrize('curve', ['cos', 'linear'])
def test_state_of_one_cycle_opens(tmp_path, curve):
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scheduler = OneCycleLR(
        optimizer, eta_max=1.0, total_steps=9, anneal_strategy=curve
    )
    path = tmp_path / 'epoch_1.pth'
    torch.save({'param_schedulers': [scheduler.state_dict()]}, path)
    assert b'getattr' in path.read_bytes()  # else this shows nothing
    state = read_checkpoint(path)['param_schedulers'][0]
    assert state['total_steps'] == 9


def test_result_of_getattr_cannot_be_called(raw_zip):
    # ... R (call getattr), then ) R: call what it gave
    content = looked_up(BUFFER, 'min').replace(b'\x86Rs.', b'\x86R)Rs.')
    with pytest.raises(UserError):
        read_checkpoint(raw_zip(content))


def test_lists_of_other_libraries_do_not_count(tmp_path):
    path = tmp_path / 'evil.pth'
    torch.save(in_meta(Calls(eval, '1')), path)
    serialization.add_safe_globals([eval])
    try:
        with pytest.raises(UserError, match='eval'):
            read_checkpoint(path)
        assert eval in serialization.get_safe_globals()  # left as it was
    finally:
        serialization.clear_safe_globals()


def test_checkpoint_of_mmengine_opens(tmp_path, seed):
    hub = MessageHub(f'hub{seed}')
    hub.update_scalar('train/loss', np.float64(1.5))
    hub.update_info('array', np.arange(3))
    weight = torch.randn(3, 4)
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        {
            'state_dict': {'w': weight},
            'message_hub': hub.state_dict(),
            'meta': {'epoch': 3, 'best': np.float32(0.5)},
        },
        path,
    )
    with pytest.raises(pickle.UnpicklingError):  # not for torch alone
        torch.load(path, weights_only=True)
    opened = read_checkpoint(path)
    assert torch.equal(opened['state_dict']['w'], weight)
    assert opened['meta']['epoch'] == 3


def test_broken_files_are_explained(tmp_path):
    whole = tmp_path / 'whole.pth'
    torch.save({'a': torch.ones(1000)}, whole)
    (tmp_path / 'cut.pth').write_bytes(whole.read_bytes()[:2000])
    (tmp_path / 'empty.pth').touch()
    (tmp_path / 'text.pth').write_text('<html>404 not found</html>')
    torch.save([torch.ones(1)], tmp_path / 'list.pth')
    save_file({'a': torch.ones(1000)}, tmp_path / 'whole.safetensors')
    half = (tmp_path / 'whole.safetensors').read_bytes()[:2000]
    (tmp_path / 'cut.safetensors').write_bytes(half)
    expected = {
        'absent.pth': 'no such file',
        'cut.pth': 'truncated',
        'empty.pth': 'empty',
        'text.pth': 'not a checkpoint',
        'list.pth': 'holds a list',
        'cut.safetensors': 'not a whole safetensors',
        '.': 'folder',
    }
    for name, reason in expected.items():
        with pytest.raises(UserError, match=reason) as caught:
            read_checkpoint(tmp_path / name)
        assert '\n' not in str(caught.value), name


def test_every_cut_of_a_file_is_refused(tmp_path, seed):
    whole, path = tmp_path / 'whole.pth', tmp_path / 'cut.pth'
    torch.save({'a': torch.randn(50)}, whole)
    content = whole.read_bytes()
    for length in range(1, len(content) - 1, 97):
        path.write_bytes(content[:length])
        with pytest.raises(UserError):
            read_checkpoint(path)
