"""Which error is the user's, and what its line is."""

import errno

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from cds_mm.errors import UserError
from cds_mm.outcome import friendly_main, one_line, user_message


def fail(error):
    raise error


def ended(error, capsys):
    code = friendly_main(fail)(error)
    return code, capsys.readouterr().err


def test_exit_codes(capsys):
    assert friendly_main(lambda: None)() == 0
    assert friendly_main(lambda: 3)() == 3
    code, err = ended(UserError('a: b; c'), capsys)
    assert (code, err) == (1, 'error: a: b; c\n')
    code, err = ended(RuntimeError('a bug'), capsys)
    assert code == 2 and 'Traceback' in err and 'a bug' in err
    assert ended(KeyboardInterrupt(), capsys) == (130, 'interrupted\n')


@pytest.mark.parametrize(
    'number, mend',
    [
        (errno.ENOSPC, 'free some space'),
        (errno.EROFS, 'read-only'),
        (errno.EACCES, 'may write'),
        (errno.ENOENT, 'check the path'),
    ],
)
def test_what_the_system_says(number, mend, capsys):
    code, err = ended(OSError(number, 'so it is', '/some/file'), capsys)
    assert code == 1 and len(err.splitlines()) == 1
    assert err.startswith('error: /some/file: so it is; ') and mend in err


def test_an_unknown_fault_of_the_system_keeps_its_traceback(capsys):
    code, err = ended(OSError(errno.EIO, 'disk on fire', '/dev/x'), capsys)
    assert code == 2 and 'Traceback' in err


def test_the_registry(capsys):
    said = (
        'Foo is not in the mmpretrain::parameter scheduler registry. Please '
        'check whether the value of `Foo` is correct or more'
    )
    code, err = ended(KeyError(said), capsys)
    assert code == 1
    assert err.startswith("error: type='Foo': not in the mmpretrain::param")
    # Some versions put the classes that were being built in front.
    said = f'class `A` in a/b.py: class `B` in b.py: {said}'
    assert user_message(KeyError(said)).startswith("type='Foo'")
    error = UserError('class `A` in a/b.py: the thing: cause; mend')
    assert one_line(error) == 'the thing: cause; mend'
    assert user_message(KeyError('some_key')) is None


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise self.error


@pytest.mark.parametrize(
    'error, line',
    [
        (UserError('x.jpg: cut; mend'), 'x.jpg: cut; mend'),
        (FileNotFoundError('x.jpg is gone'), 'x.jpg is gone; check the path'),
        (
            AssertionError('failed to load image: x.jpg'),
            'x.jpg: not a whole image; replace or remove the file',
        ),
        (ValueError('a bug'), None),
    ],
)
def test_what_a_worker_raises(error, line):
    with pytest.raises(type(error)) as caught:
        next(iter(DataLoader(Broken(error), num_workers=1)))
    assert 'Traceback' in str(caught.value)
    assert user_message(caught.value) == line


@pytest.mark.parametrize(
    'error, said',
    [
        (MemoryError(), 'there is not enough memory; lower batch_size or num'),
        (
            RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: "
                'you tried to allocate 4096 bytes. Error code 12'
            ),
            'not enough memory (4096 bytes more were asked for)',
        ),
        (
            torch.OutOfMemoryError(
                'CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has'
            ),
            'on the GPU (2.00 GiB more were asked for); lower batch_size of',
        ),
    ],
)
def test_memory_that_is_not_there(error, said):
    assert said in user_message(error)
    assert user_message(error).endswith('then resume')
    assert user_message(RuntimeError('a memory of a bug')) is None
