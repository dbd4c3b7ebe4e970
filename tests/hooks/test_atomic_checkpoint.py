"""At every moment there is a whole checkpoint."""

import io
import os
import zipfile
from pathlib import Path

import pytest
import tiny_runner
import torch
from mmengine.evaluator import BaseMetric
from mmengine.fileio import FileClient, LocalBackend
from mmengine.fileio.backends import prefix_to_backends

from cds_mm import files as atomic
from cds_mm.errors import UserError
from cds_mm.hooks.atomic_checkpoint import AtomicBackend


def hook(**kwargs):
    return dict(type='AtomicCheckpointHook', interval=1, **kwargs)


class Rising(BaseMetric):
    """Better at every epoch, so that the best is replaced each time."""

    default_prefix = 'up'

    def __init__(self):
        super().__init__()
        self.value = 0.0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        self.value += 1
        return dict(score=self.value)


@pytest.fixture
def census(monkeypatch, tmp_path):
    """Whole checkpoints around every rename and every removal."""
    moments = []

    def look(what, path):
        present = sorted(p.name for p in tmp_path.glob('*.pth'))
        assert all(zipfile.is_zipfile(tmp_path / name) for name in present)
        moments.append((what, Path(path).name, present))

    replace, unlink = os.replace, Path.unlink

    def replacing(source, target):
        look('before', target)
        replace(source, target)
        look('written', target)

    def unlinking(path, missing_ok=False):
        unlink(path, missing_ok=missing_ok)
        look('removed', path)

    monkeypatch.setattr(atomic.os, 'replace', replacing)
    monkeypatch.setattr(Path, 'unlink', unlinking)
    return moments


def run(tmp_path, epochs=3, **kwargs):
    tiny_runner.runner(
        tmp_path,
        epochs=epochs,
        checkpoint=hook(**kwargs),
        val_dataloader=tiny_runner.DataLoader(
            tiny_runner.Numbers(), 4, collate_fn=tiny_runner.collate
        ),
        val_cfg=dict(),
        val_evaluator=[Rising()],
    ).train()


def test_never_a_moment_without_one(tmp_path, census):
    run(tmp_path, max_keep_ckpts=1)
    assert [m[:2] for m in census] == [
        ('before', 'epoch_1.pth'),
        ('written', 'epoch_1.pth'),
        ('before', 'epoch_2.pth'),
        ('written', 'epoch_2.pth'),
        ('removed', 'epoch_1.pth'),
        ('before', 'epoch_3.pth'),
        ('written', 'epoch_3.pth'),
        ('removed', 'epoch_2.pth'),
    ]
    for _, _, present in census[1:]:
        assert present, census


def test_never_a_moment_without_a_best_one(tmp_path, census):
    run(tmp_path, max_keep_ckpts=1, save_best='up/score', rule='greater')
    had_best = False
    for what, name, present in census:
        best = [n for n in present if n.startswith('best')]
        assert best or not had_best, (what, name, present)
        had_best = had_best or bool(best)
        assert name == 'epoch_1.pth' or any('epoch' in n for n in present)
    kept = sorted(p.name for p in tmp_path.glob('*.pth'))
    assert kept == ['best_up_score_epoch_3.pth', 'epoch_3.pth']
    # The best is known to the last, which was written once more after it.
    last = torch.load(tmp_path / 'epoch_3.pth', weights_only=False)
    info = last['message_hub']['runtime_info']
    assert info['best_ckpt'].endswith('best_up_score_epoch_3.pth')


def test_a_failing_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'old')
    backend = AtomicBackend()

    def full(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(atomic.os, 'fsync', full)
    with pytest.raises(UserError, match='epoch_1.pth.*No space left'):
        backend.put(b'new', str(path))
    assert path.read_bytes() == b'old'
    assert [p.name for p in tmp_path.iterdir()] == ['epoch_1.pth']


def test_a_failing_write_removes_nothing(tmp_path):
    old = tmp_path / 'epoch_1.pth'
    old.write_bytes(b'old')
    backend = AtomicBackend()
    with pytest.raises(RuntimeError), backend.removals_last(list):
        backend.remove(str(old))
        raise RuntimeError('the write failed')
    assert old.exists()
    backend.remove(str(old))
    assert not old.exists(), 'outside of the block it acts at once'


def test_what_was_written_anew_is_not_removed(tmp_path):
    path = tmp_path / 'best.pth'
    path.write_bytes(b'old')
    backend = AtomicBackend()
    with backend.removals_last(lambda: [str(path)]):
        backend.remove(str(path))
        backend.put(b'new', str(path))
    assert path.read_bytes() == b'new'


def test_what_a_kill_left_is_cleared(tmp_path):
    left = tmp_path / '.epoch_7.pth.x2f.tmp'
    left.write_bytes(b'half')
    other = tmp_path / '.notes.tmp'
    other.touch()
    run(tmp_path, epochs=1)
    assert not left.exists() and other.exists()


def test_the_host_warns_of_nothing_of_its_own(tmp_path, capfd):
    run(tmp_path, epochs=1)
    captured = capfd.readouterr()
    assert 'FileClient' not in captured.out + captured.err


def test_it_is_the_same_file_as_the_host_writes(tmp_path):
    run(tmp_path, epochs=1)
    ours = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)
    assert {'state_dict', 'optimizer', 'message_hub', 'meta'} <= ours.keys()
    buffer = io.BytesIO()
    torch.save(ours, buffer)  # nothing in it is bound to the backend
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')


class Store(LocalBackend):
    """Stands for a remote one: keeps nothing."""

    def put(self, obj, filepath):
        Store.names.append(filepath)

    put_text = put


def test_a_remote_out_dir_keeps_its_own_backend(tmp_path, monkeypatch):
    # The host looks for the client of its own store, and does not use it.
    monkeypatch.setattr(FileClient, 'infer_client', lambda *_: None)
    monkeypatch.setitem(prefix_to_backends, 's3', Store)
    Store.names = []
    run(tmp_path, epochs=1, out_dir='s3://bucket')
    name = f's3://bucket/{tmp_path.name}/epoch_1.pth'
    assert name in Store.names
    assert not list(tmp_path.rglob('*.pth'))


def test_a_local_out_dir(tmp_path, census):
    run(tmp_path / 'work', epochs=1, out_dir=str(tmp_path))
    assert [m[:2] for m in census] == [
        ('before', 'epoch_1.pth'),
        ('written', 'epoch_1.pth'),
    ]
