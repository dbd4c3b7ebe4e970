"""A file that wants to run code becomes a plain one with the same keys."""

import argparse
from collections import OrderedDict
from pathlib import PurePosixPath

import numpy as np
import pytest
import torch
from hostile_pickles import in_log_buffer, tarred, touch
from mmengine.logging import HistoryBuffer

from cds_mm.checkpoint import convert, read_checkpoint
from cds_mm.checkpoint.rewrite import rewrite
from cds_mm.commands import convert_backbone
from cds_mm.errors import UserError


class Settings:
    """Of somebody's own program."""


def foreign(network, marker):
    return dict(
        state_dict=network.state_dict(),
        model_ema=network,
        optimizer=dict(state={0: dict(step=3)}, param_groups=[{'lr': 0.1}]),
        args=argparse.Namespace(lr=0.1, path=PurePosixPath('a')),
        settings=Settings(),
        best=np.float64(0.5),
        meta=dict(classes=('a', 'b'), x=touch(marker)),
        log=HistoryBuffer([1.0], [1]),
        sparse=torch.eye(2).to_sparse(),
        tied=[network.weight, network.weight],
    )


def test_tensors_and_numbers_stay(tmp_path):
    network = torch.nn.Linear(2, 3)
    src, dst = tmp_path / 'a.pth', tmp_path / 'b.pth'
    torch.save(foreign(network, tmp_path / 'ran'), src)
    with pytest.raises(UserError, match='--rewrite'):
        read_checkpoint(src)
    done = rewrite(src, dst)
    assert (tmp_path / 'ran').exists()  # it was trusted
    assert done.tensors == 7
    assert done.left_out == [
        'args.path (PurePosixPath)',
        'settings (Settings)',
        'log (HistoryBuffer)',
    ]
    opened = read_checkpoint(dst)
    torch.load(dst, weights_only=True)
    for state in (opened['state_dict'], opened['model_ema']):
        assert state.keys() == network.state_dict().keys()
        assert torch.equal(state['weight'], network.weight)
    assert type(opened['state_dict']) is OrderedDict
    assert opened['state_dict']._metadata == network.state_dict()._metadata
    assert opened['optimizer']['state'] == {0: {'step': 3}}
    assert opened['optimizer']['param_groups'] == [{'lr': 0.1}]
    assert opened['args'] == {'lr': 0.1} and opened['best'] == 0.5
    # What the command returned took the place of the command.
    assert opened['meta'] == {'classes': ('a', 'b'), 'x': 0}
    assert torch.equal(opened['sparse'], torch.eye(2))


def test_a_whole_network(tmp_path):
    network = torch.nn.Linear(2, 3)
    src, dst = tmp_path / 'a.pth', tmp_path / 'b.pth'
    torch.save(network, src)
    rewrite(src, dst)
    assert torch.equal(read_checkpoint(dst)['weight'], network.weight)


def test_then_it_converts(tmp_path, training_file):
    src, network = training_file()
    content = torch.load(src, weights_only=False)
    torch.save({**content, 'settings': Settings()}, src)
    with pytest.raises(UserError, match='Settings'):
        convert(src, tmp_path / 'no.pth')
    rewrite(src, tmp_path / 'plain.pth')
    done = convert(tmp_path / 'plain.pth', tmp_path / 'b.pth')
    assert done.record.channel_order == 'rgb'
    state = read_checkpoint(done.path)['state_dict']
    assert torch.equal(state['conv1.weight'], network.conv1.weight)


def test_the_first_layout_of_torch(tmp_path):
    src = tmp_path / 'a.pth'
    src.write_bytes(tarred(tmp_path / 'ran'))
    with pytest.raises(UserError, match='tar archive.*--rewrite'):
        read_checkpoint(src)
    rewrite(src, tmp_path / 'b.pth')
    assert read_checkpoint(tmp_path / 'b.pth')['state_dict']['w'] == 1


@pytest.mark.parametrize(
    ('content', 'name', 'said'),
    [
        (dict(a=1), 'b.pth', 'holds no tensor'),
        (dict(a=torch.ones(1)), 'a.pth', 'would overwrite'),
        (dict(a=torch.ones(1)), 'b.safetensors', 'name a .pth file'),
        (None, 'b.pth', 'cannot be read as a checkpoint'),
    ],
)
def test_what_cannot_be_rewritten(tmp_path, content, name, said):
    src = tmp_path / 'a.pth'
    if content is None:
        src.write_text('no checkpoint')
    else:
        torch.save(content, src)
    before = src.read_bytes()
    with pytest.raises(UserError, match=said) as caught:
        rewrite(src, tmp_path / name)
    assert '\n' not in str(caught.value)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [before]


def test_what_contains_itself_ends(tmp_path):
    content = dict(a=torch.ones(1))
    content['self'] = content
    torch.save(content, tmp_path / 'a.pth')
    done = rewrite(tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert done.left_out[-1].startswith('self.self')
    assert torch.equal(read_checkpoint(done.path)['a'], torch.ones(1))


def test_command_line(tmp_path, capsys):
    src, dst = tmp_path / 'a.pth', tmp_path / 'b.pth'
    torch.save(in_log_buffer(tmp_path / 'ran'), src)
    convert_backbone.main([str(src), str(dst), '--rewrite'])
    shown = capsys.readouterr().out
    assert shown.startswith(f'wrote {dst}: 1 tensors under the same keys')
    assert 'message_hub.log_scalars.loss (HistoryBuffer)' in shown
    for flag in (['--publish'], ['--config', 'x.py'], ['--detector', 'd.py']):
        with pytest.raises(UserError, match='does not go with --rewrite'):
            convert_backbone.main([str(src), str(dst), '--rewrite', *flag])
