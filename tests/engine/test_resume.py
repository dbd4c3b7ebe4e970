"""Which checkpoint a run goes on from."""

import pytest
import torch
from mmengine.config import Config

from cds_mm.engine.resume import (
    checkpoint_folders,
    latest_checkpoint,
    nothing_left,
)
from cds_mm.errors import UserError


def save(path):
    torch.save(dict(state_dict={}), path)
    return path


def test_the_newest_by_number_not_by_name_or_time(tmp_path):
    tenth = save(tmp_path / 'epoch_10.pth')
    save(tmp_path / 'epoch_9.pth')
    save(tmp_path / 'best_accuracy_top1_epoch_11.pth')
    assert latest_checkpoint(tmp_path) == tenth


def test_a_cut_one_is_passed_over(tmp_path):
    whole = save(tmp_path / 'iter_100.pth')
    content = whole.read_bytes()
    for number, length in ((200, len(content) - 30), (300, 0)):
        (tmp_path / f'iter_{number}.pth').write_bytes(content[:length])
    assert latest_checkpoint(tmp_path) == whole


def test_last_checkpoint_is_not_believed(tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    whole = save(tmp_path / 'epoch_1.pth')
    pointer = tmp_path / 'last_checkpoint'
    for content in ('', str(save(elsewhere / 'epoch_2.pth')), '/gone.pth'):
        pointer.write_text(content)
        assert latest_checkpoint(tmp_path) == whole


def test_nothing_there(tmp_path):
    (tmp_path / '.epoch_1.pth.x.tmp').touch()
    for folder in (tmp_path, tmp_path / 'gone'):
        with pytest.raises(
            UserError, match='no checkpoint in .*--resume FILE'
        ):
            latest_checkpoint(folder)


@pytest.mark.parametrize(
    'train_cfg, meta, said',
    [
        (dict(max_epochs=20), dict(epoch=19, iter=950), ''),
        (dict(max_epochs=20), dict(epoch=20, iter=1000), 'all 20 epochs'),
        (dict(max_epochs=10), dict(epoch=20, iter=1000), 'all 10 epochs'),
        (dict(max_iters=7), dict(epoch=0, iter=7), 'all 7 iters; raise'),
        (dict(max_iters=8), dict(epoch=0, iter=7), ''),
        (dict(max_epochs=20), dict(), ''),
    ],
)
def test_nothing_left(train_cfg, meta, said):
    cfg = Config(dict(train_cfg=train_cfg, load_from='a/b.pth'))
    line = nothing_left(cfg, meta)
    assert said in line and bool(said) == bool(line)
    assert not line or line.startswith('nothing left to train: b.pth has')


def folders(tmp_path, **settings):
    hook = dict(type='CheckpointHook', **settings)
    return checkpoint_folders(
        Config(
            dict(
                work_dir=f'{tmp_path}/run/',
                default_hooks=dict(checkpoint=hook),
            )
        )
    )


def test_the_out_dir_of_the_hook(tmp_path):
    own = tmp_path / 'own' / 'run'
    for folder in (tmp_path / 'run', own):
        folder.mkdir(parents=True)
    save(tmp_path / 'run' / 'epoch_1.pth')
    second = save(own / 'epoch_2.pth')
    found = folders(tmp_path, out_dir=str(tmp_path / 'own'))
    assert latest_checkpoint(*found) == second
    for settings in (dict(), dict(out_dir='s3://bucket')):
        found = folders(tmp_path, **settings)
        assert latest_checkpoint(*found).name == 'epoch_1.pth'
