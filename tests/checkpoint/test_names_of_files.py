"""The digits of a hash in the name of a file that a run loads."""

import functools
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader

from cds_mm.checkpoint import host_loader
from cds_mm.checkpoint.reading import read_for_run
from cds_mm.errors import UserError
from cds_mm.run_warnings import forget_warnings, warnings_so_far

host_loader.register()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder that is served; gives it and the URL of it."""
    folder, home = tmp_path / 'site', tmp_path / 'home'
    folder.mkdir()
    monkeypatch.setenv('TORCH_HOME', str(home))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    forget_warnings()
    yield folder, f'http://127.0.0.1:{server.server_port}', home
    forget_warnings()
    server.shutdown()
    server.server_close()


def saved(folder, pattern, digits=None, **content):
    """A file whose name has its own hash, or other digits."""
    path = folder / 'new.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(2)), **content), path)
    own = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(folder / pattern.format(digits or own[:8], own))


RIGHT = [
    'resnet18-{0}.pth',
    'net_20200130-{0}.pth',
    'net_20200130_{0}.pth',
    'pub-{0}.pth',
    'net-{1}.pth',  # all 64 digits
    'net-{0}.pth.tar',
]
WRONG = [name.replace('{1}', '{0}') for name in RIGHT]
SAYS_NOTHING = ['net-20240131.pth', 'net_2.pth', 'net-abc.pth', 'net_{0}.pth']


def load(url):
    return CheckpointLoader.load_checkpoint(url, 'cpu')


@pytest.mark.parametrize('name', RIGHT)
def test_the_right_digits(site, name):
    folder, url, home = site
    path = saved(folder, name)
    for _ in range(2):  # by the network, then from the cache
        load(f'{url}/{path.name}')
        assert not warnings_so_far()
    assert (home / 'hub' / 'checkpoints' / path.name).exists()
    read_for_run(path)
    assert not warnings_so_far()


@pytest.mark.parametrize('name', WRONG)
def test_other_digits_are_warned_of_once(site, name):
    folder, url, home = site
    path = saved(folder, name, digits='0123abcd')
    where = home / 'hub' / 'checkpoints' / path.name
    for _ in range(2):
        load(f'{url}/{path.name}')
        (said,) = warnings_so_far()
        assert said.startswith(f'{where}: its name says')
        assert '0123abcd' in said and 'remove it' in said
    forget_warnings()
    read_for_run(path)
    load(str(path))
    (said,) = warnings_so_far()
    assert said.startswith(f'{path}: its name says')


@pytest.mark.parametrize('name', SAYS_NOTHING)
def test_other_names(site, name):
    folder, url, _ = site
    path = saved(folder, name, digits='0123abcd')
    load(f'{url}/{path.name}')
    assert not warnings_so_far()


def test_the_advice_for_a_damaged_download_works(site):
    folder, url, home = site
    path = saved(folder, 'net-{0}.pth')
    cached = home / 'hub' / 'checkpoints' / path.name
    cached.parent.mkdir(parents=True)
    # Another file stands in the cache, as whole as the right one.
    torch.save(dict(state_dict=dict(a=torch.zeros(2))), cached)
    load(f'{url}/{path.name}')
    assert str(cached) in warnings_so_far()[0]
    forget_warnings()
    cached.unlink()
    found = load(f'{url}/{path.name}')
    assert not warnings_so_far()
    assert torch.equal(found['state_dict']['a'], torch.ones(2))


def test_what_this_project_published_is_refused(site):
    folder, url, _ = site
    record = dict(meta=dict(cds_mm=dict(published=True)))
    path = saved(folder, 'r18-{0}.pth', digits='0123abcd', **record)
    with pytest.raises(UserError, match='its name says'):
        load(f'{url}/{path.name}')
