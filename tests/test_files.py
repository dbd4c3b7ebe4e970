"""A file is there whole or not at all."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest
import torch

from cds_mm import files as atomic
from cds_mm.checkpoint import write_checkpoint
from cds_mm.errors import UserError
from cds_mm.files import atomic_write


@pytest.fixture
def small_files_only():
    """The system refuses files over 64 KiB, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_writes_bytes_and_by_function(tmp_path):
    atomic_write(tmp_path / 'a', b'one')
    atomic_write(tmp_path / 'b', lambda file: file.write(b'two'))
    assert (tmp_path / 'a').read_bytes() == b'one'
    assert (tmp_path / 'b').read_bytes() == b'two'
    assert sorted(p.name for p in tmp_path.iterdir()) == ['a', 'b']


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path = atomic_write(tmp_path / 'a', b'')
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_file_too_large(tmp_path, small_files_only, suffix):
    path = tmp_path / f'a.{suffix}'
    path.write_bytes(b'old')
    big = {'state_dict': {'w': torch.zeros(100_000)}, 'meta': {}}
    with pytest.raises(UserError, match='cannot be written') as caught:
        write_checkpoint(big, path)
    assert '\n' not in str(caught.value)
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_inside_torch_save(tmp_path, small_files_only):
    big = torch.zeros(100_000)
    with pytest.raises((UserError, RuntimeError)):
        atomic_write(tmp_path / 'a', lambda file: torch.save(big, file))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('stage', ['fsync', 'replace', 'chmod'])
def test_failure_at_each_step(tmp_path, monkeypatch, stage):
    def fail(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    path = tmp_path / 'a'
    path.write_bytes(b'old')
    monkeypatch.setattr(atomic.os, stage, fail)
    with pytest.raises(UserError, match='No space left'):
        atomic_write(path, b'new')
    monkeypatch.undo()
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_interrupt_leaves_nothing(tmp_path):
    def interrupted(file):
        file.write(b'half')
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / 'a', interrupted)
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be(tmp_path):
    with pytest.raises(UserError, match='is a folder'):
        write_checkpoint({}, tmp_path)
    with pytest.raises(UserError):
        atomic_write(tmp_path, b'')
    assert list(tmp_path.iterdir()) == []
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='file is no folder'):
        write_checkpoint({}, tmp_path / 'file' / 'a.pth')


def test_a_folder_is_made_and_goes_with_a_failure(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    path = tmp_path / 'new' / 'folder' / 'a.pth'
    for place, name in ((atomic.os, 'fsync'), (Path, 'mkdir')):
        monkeypatch.setattr(place, name, fail)
        with pytest.raises(UserError, match='No space left'):
            write_checkpoint({}, path)
        monkeypatch.undo()
        assert list(tmp_path.iterdir()) == []
    write_checkpoint({}, path)
    assert path.is_file()


def test_only_regular_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'nowhere').symlink_to(tmp_path / 'absent')
    (tmp_path / 'null').symlink_to(os.devnull)
    (tmp_path / 'folder').mkdir()
    before = {p.name: p.lstat().st_mode for p in tmp_path.iterdir()}
    reasons = dict(
        pipe='a pipe or a device',
        nowhere='a link to what is not there',
        null='a pipe or a device',
        folder='a folder; give the name of a file in it',
    )
    for name, reason in reasons.items():
        for write in (atomic_write, _written_checkpoint):
            with pytest.raises(UserError, match=f'{name}: is {reason}'):
                write(tmp_path / name, b'new')
    after = {p.name: p.lstat().st_mode for p in tmp_path.iterdir()}
    assert after == before


def _written_checkpoint(path, _):
    write_checkpoint({'state_dict': {}, 'meta': {}}, path)


def test_names_that_are_long_and_too_long(tmp_path):
    for name in ('x' * 255, 'é' * 127):
        assert atomic_write(tmp_path / name, b'a').read_bytes() == b'a'
    for name in ('x' * 256, 'é' * 128, 'a\0b'):
        for write in (atomic_write, _written_checkpoint):
            with pytest.raises(UserError, match='cannot be a file') as caught:
                write(tmp_path / name, b'a')
            assert '\n' not in str(caught.value)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_published_name_that_is_too_long(tmp_path):
    path = tmp_path / ('x' * 250 + '.pth')
    with pytest.raises(UserError, match='cannot be'):
        write_checkpoint({'state_dict': {}, 'meta': {}}, path, publish=True)
    assert not list(tmp_path.iterdir())
