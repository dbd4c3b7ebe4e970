"""Whatever MMEngine loads goes through the restricted reader."""

import contextlib
import io
import logging
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_pickles import checkpoint, files, saved
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OneCycleLR
from mmengine.runner import checkpoint as host
from mmengine.runner.checkpoint import CheckpointLoader, load_checkpoint
from numpy._core.multiarray import scalar

import cds_mm.registration  # noqa: F401
from cds_mm.checkpoint.host_loader import is_remote, register
from cds_mm.errors import UserError

# What each prefix leads to is in the cache of torch, under this name.
NAME = 'weights-0123abcd.pth'
URL = f'https://example.invalid/{NAME}'
ROUTES = {
    'local': '{file}',
    'http': 'http://example.invalid/' + NAME,
    'https': URL,
    'torchvision': 'torchvision://ours',
    'modelzoo': 'modelzoo://ours',
    'open-mmlab': 'open-mmlab://ours',
    'openmmlab': 'openmmlab://ours',
    'open-mmlab file': 'open-mmlab://file',
    'mmcls': 'mmcls://ours',
    's3': 's3://bucket/ours.pth',
    'cluster s3': 'one:s3://bucket/ours.pth',
    'petrel': 'petrel://bucket/ours.pth',
    'pavi': 'pavi://ours',
}


@pytest.fixture(scope='module')
def hostile(tmp_path_factory):
    return files(tmp_path_factory.mktemp('hostile'))


@pytest.fixture
def lead_to(tmp_path, monkeypatch):
    """Makes every prefix lead to one file, as if it had been fetched."""
    cache = tmp_path / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(cache.parent))
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
    urls = dict(ours=URL, file='file.pth')
    for table in ('torchvision', 'external', 'mmcls'):
        monkeypatch.setattr(host, f'get_{table}_models', lambda: urls)
    current = {}

    class Store:
        def get(self, name):
            return current['file'].read_bytes()

    monkeypatch.setattr(
        'mmengine.fileio.get_file_backend', lambda *a, **k: Store()
    )
    model = types.SimpleNamespace(
        name='ours.pth',
        download=lambda path: shutil.copy(current['file'], path),
    )
    pavi = types.SimpleNamespace(
        modelcloud=types.SimpleNamespace(get=lambda name: model)
    )
    monkeypatch.setitem(sys.modules, 'pavi', pavi)

    def lead(file: Path):
        current['file'] = file
        shutil.copy(file, cache / NAME)
        shutil.copy(file, tmp_path / 'file.pth')
        return {name: path.format(file=file) for name, path in ROUTES.items()}

    return lead


def test_every_prefix_of_the_host_is_ours():
    loaders = {*CheckpointLoader._schemes.values()}
    assert {loader.__module__ for loader in loaders} == {
        'cds_mm.checkpoint.host_loader'
    }
    # A path of each kind, so that none of them falls to another loader.
    found = [
        CheckpointLoader._get_checkpoint_loader(path)
        for path in ROUTES.values()
    ]
    assert len({*found}) == 7


def test_no_code_runs_under_any_prefix(hostile, lead_to, caplog):
    caplog.set_level(logging.CRITICAL)
    for path, marker in hostile:
        for name, route in lead_to(path).items():
            with pytest.raises(UserError) as caught:
                CheckpointLoader.load_checkpoint(route, 'cpu')
            assert '\n' not in str(caught.value), (path.name, name)
            assert not marker.exists(), (path.name, name)


def numpy_gives_objects_back():
    """What one of the attacks needs; NumPy 2.5 refuses."""
    try:
        return scalar(np.dtype('O'), int) is int
    except TypeError:
        return False


def test_the_attacks_of_these_tests_work(hostile):
    for path, marker in hostile:
        of_numpy = path.stem.startswith('set_on_a_class')
        if of_numpy and not numpy_gives_objects_back():
            continue
        # Errors of what comes after the code has run.
        with contextlib.suppress(AttributeError, TypeError):
            torch.load(path, weights_only=False)
        assert marker.exists(), path.name
        marker.unlink()


def test_every_prefix_reads_a_good_file(tmp_path, lead_to, caplog):
    caplog.set_level(logging.CRITICAL)
    weight = torch.randn(3, 2)
    path = tmp_path / 'good.pth'
    torch.save(dict(state_dict={'backbone.w': weight}), path)
    for name, route in lead_to(path).items():
        state = CheckpointLoader.load_checkpoint(route, 'cpu')['state_dict']
        key = 'w' if name == 'mmcls' else 'backbone.w'  # as the host does
        assert torch.equal(state[key], weight), name


@pytest.mark.parametrize('name', ['x:', 'http:', 'odd s3:'])
def test_local_paths_that_look_like_urls(tmp_path, name, hostile, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    path, marker = hostile[0]
    shutil.copy(path, Path(name) / 'e.pth')
    route = f'./{name}//e.pth'
    assert not is_remote(route)
    with pytest.raises(UserError, match='system'):
        CheckpointLoader.load_checkpoint(route)
    assert not marker.exists()


def test_remote_or_not():
    remote = [path for path in ROUTES.values() if path != '{file}']
    assert all(map(is_remote, remote))
    local = ['a.pth', '/a/b.pth', 'x://e.pth', '~/a.pth', './http://a', 'C:/a']
    assert not any(map(is_remote, local))


def test_a_loader_of_another_package_is_replaced():
    CheckpointLoader.register_scheme('mine://', lambda *a: {'evil': 1})
    try:
        register()
        with pytest.raises(UserError, match='download it elsewhere'):
            CheckpointLoader.load_checkpoint('mine://x')
    finally:
        del CheckpointLoader._schemes['mine://']


def test_no_network_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    with pytest.raises(UserError, match='cannot be fetched.*name the file'):
        # Nothing listens at this port.
        CheckpointLoader.load_checkpoint('http://127.0.0.1:9/a.pth')
    assert not [p for p in tmp_path.rglob('*') if p.is_file()]


@pytest.mark.parametrize('scheme', ['torchvision', 'open-mmlab', 'mmcls'])
def test_unknown_names_are_one_line(scheme):
    with pytest.raises(UserError, match='no weights of that name'):
        CheckpointLoader.load_checkpoint(f'{scheme}://resnet51')


def test_log_buffers_are_rebuilt_from_their_numbers(tmp_path, seed):
    hub = MessageHub(f'hub{seed}')
    for value in np.random.default_rng(seed).normal(size=7):
        hub.update_scalar('train/loss', float(value), 3)
    hub.update_info('epoch', 4)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(message_hub=hub.state_dict()), path)
    content = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    other = MessageHub(f'other{seed}')
    other.load_state_dict(content['message_hub'])
    ours, theirs = (h.get_scalar('train/loss') for h in (hub, other))
    assert type(theirs) is HistoryBuffer
    for one, two in zip(ours.data, theirs.data, strict=True):
        assert one.dtype == two.dtype and (one == two).all()
    assert theirs.mean(3) == ours.mean(3)
    theirs.update(1.0)  # it is a buffer that goes on
    assert other.get_info('epoch') == 4


@pytest.mark.parametrize('curve', ['cos', 'linear'])
def test_one_cycle_goes_on_as_it_would_have(tmp_path, curve):
    def scheduler():
        weight = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        return OneCycleLR(
            optimizer, eta_max=1.0, total_steps=9, anneal_strategy=curve
        ), optimizer

    def rates(scheduler, optimizer, count):
        found = []
        for _ in range(count):
            optimizer.step()
            scheduler.step()
            found.append(optimizer.param_groups[0]['lr'])
        return found

    first, optimizer = scheduler()
    rates(first, optimizer, 3)
    path = tmp_path / 'a.pth'
    torch.save(dict(s=first.state_dict(), o=optimizer.state_dict()), path)
    content = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    second, fresh = scheduler()
    second.load_state_dict(content['s'])
    fresh.load_state_dict(content['o'])
    assert rates(second, fresh, 5) == rates(first, optimizer, 5)


def test_a_program_in_meta_is_not_handed_out(tmp_path):
    content = checkpoint()
    content['meta']['config'] = 'raise SystemExit("meta.config was run")'
    path = tmp_path / 'old.pth'
    torch.save(content, path)
    meta = CheckpointLoader.load_checkpoint(str(path), 'cpu')['meta']
    assert 'config' not in meta and meta['epoch'] == 0


def test_versions_of_layers_reach_the_host(tmp_path):
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2))
    path = tmp_path / 'a.pth'
    torch.save(network.state_dict(), path)
    content = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert content._metadata == network.state_dict()._metadata
    network[0].running_mean.fill_(3)
    load_checkpoint(network, str(path), 'cpu', strict=True)
    assert network[0].running_mean.eq(0).all()


@pytest.mark.parametrize(
    'place', ['cpu', torch.device('cpu'), {'cpu': 'cpu'}, None]
)
def test_places(tmp_path, place):
    path = tmp_path / 'a.pth'
    path.write_bytes(saved(checkpoint()))
    opened = CheckpointLoader.load_checkpoint(str(path), place)
    assert opened['state_dict']['w'].device.type == 'cpu'


def test_a_function_places_each_storage(tmp_path):
    path, asked = tmp_path / 'a.pth', []
    both = torch.randn(4)
    torch.save(dict(a=both[:2], b=both[2:], c=torch.ones(1)), path)

    def place(data, location):
        asked.append(location)
        return data

    opened = CheckpointLoader.load_checkpoint(str(path), place)
    assert asked == ['cpu', 'cpu']
    opened['a'][:] = 7  # what shared its memory does again
    assert torch.equal(opened['b'], both[2:])
    assert opened['a'].untyped_storage().data_ptr() == (
        opened['b'].untyped_storage().data_ptr()
    )


def test_to_another_device(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=torch.ones(3)), path)
    opened = CheckpointLoader.load_checkpoint(str(path), 'meta')
    assert opened['a'].device.type == 'meta' and opened['a'].shape == (3,)


def test_content_of_a_store_is_read_from_memory():
    from cds_mm.checkpoint.reading import read_bytes

    content = saved(checkpoint())
    assert read_bytes(content, 's3://a')['meta']['seed'] == 1
    old = io.BytesIO()
    torch.save(checkpoint(), old, _use_new_zipfile_serialization=False)
    assert read_bytes(old.getvalue(), 's3://a')['meta']['seed'] == 1
    with pytest.raises(UserError, match='^s3://a: is truncated'):
        read_bytes(content[:-40], 's3://a')
