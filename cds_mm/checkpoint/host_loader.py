"""The one reader of checkpoints for whatever MMEngine loads.

MMEngine asks ``CheckpointLoader`` for a loader by the prefix of a path.  Its
own ones run what is in a file as soon as torch refuses to read it as plain
weights.  :func:`register` puts ours under every prefix: a remote file is
fetched to where the host and torch keep theirs, then read like a local one.
"""

import functools
import os
import re
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlparse

import torch

from cds_mm.checkpoint.host_values import MapLocation, for_host, placer
from cds_mm.checkpoint.published import check_for_run
from cds_mm.checkpoint.reading import (
    read_bytes,
    read_file,
)
from cds_mm.errors import UserError

_WEB = ('http://', 'https://')
_TORCHVISION = ('modelzoo://', 'torchvision://')
_OPENMMLAB = ('open-mmlab://', 'openmmlab://')
_MMCLS = 'mmcls://'
_PAVI = 'pavi://'
# Patterns, as the host has them: 'cluster:s3://bucket/file'.
_STORES = (r'(\S+\:)?s3://', r'(\S+\:)?petrel://')
_REMOTE = re.compile(
    '|'.join((*_WEB, *_TORCHVISION, *_OPENMMLAB, _MMCLS, _PAVI, *_STORES))
)
_ELSEWHERE = 'download it elsewhere and name the file'


class Observer(Protocol):
    """Who wants to see what MMEngine loads."""

    def file_loaded(self, filename: str, content: Any) -> None:
        """Look at what a file holds, before it is used."""


# As long as they live, so that nobody has to take them out after an error.
observers: weakref.WeakSet[Observer] = weakref.WeakSet()


def is_remote(path: object) -> bool:
    """Whether MMEngine looks for a checkpoint elsewhere than in a file.

    Args:
        path: as a config or a command line names it.  A local path may have
            ``://`` in it as well.
    """
    return _REMOTE.match(str(path)) is not None


def register() -> None:
    """Let MMEngine read checkpoints in this process with our reader only."""
    from mmengine.runner.checkpoint import CheckpointLoader

    ours: dict[str, Callable] = {
        '': load_from_local,
        **dict.fromkeys(_WEB, load_from_http),
        **dict.fromkeys(_TORCHVISION, load_from_torchvision),
        **dict.fromkeys(_OPENMMLAB, load_from_openmmlab),
        _MMCLS: load_from_mmcls,
        _PAVI: load_from_pavi,
        **dict.fromkeys(_STORES, load_from_ceph),
    }
    observed = {loader: _observed(loader) for loader in {*ours.values()}}
    foreign = {*getattr(CheckpointLoader, '_schemes', ())} - {*ours}
    for prefix, loader in ours.items():
        CheckpointLoader.register_scheme(prefix, observed[loader], force=True)
    for prefix in foreign:
        CheckpointLoader.register_scheme(prefix, load_from_other, force=True)


def _observed(loader: Callable) -> Callable:
    @functools.wraps(loader)
    def load(filename: str, map_location: MapLocation = None) -> Any:
        content = loader(filename, map_location)
        for observer in [*observers]:
            observer.file_loaded(filename, content)
        return content

    return load


# The host logs the names of these functions from the 11th letter on.
def load_from_local(filename: str, map_location: MapLocation = None) -> Any:
    """Read a file.

    Args:
        filename: its path; a leading ``~`` is the home folder.
        map_location: as of ``torch.load``.

    Raises:
        UserError: as of :func:`cds_mm.checkpoint.read_checkpoint`.
    """
    path = os.path.expanduser(filename)
    content = read_file(path, placer(map_location))
    check_for_run(path, content)
    return for_host(content)


def load_from_http(filename: str, map_location: MapLocation = None) -> Any:
    """Fetch a URL into torch's cache and read it there.

    Raises:
        UserError: it cannot be fetched, or as of :func:`load_from_local`.
    """
    from mmengine.dist import barrier, get_local_rank

    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(filename).path).name
    try:
        # On each machine, since it may have a home folder of its own.
        if get_local_rank() == 0 and not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _fetch(filename, path)
    finally:
        # The others go on, and say that there is no file.
        barrier()
    return load_from_local(str(path), map_location)


def _fetch(url: str, path: Path) -> None:
    try:
        torch.hub.download_url_to_file(url, str(path), progress=os.isatty(0))
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f'{url}: cannot be fetched ({error}); {_ELSEWHERE}'
        ) from error


def load_from_torchvision(
    filename: str, map_location: MapLocation = None
) -> Any:
    """Read the weights that torchvision has under a name."""
    from mmengine.runner.checkpoint import get_torchvision_models

    url = _looked_up(filename, get_torchvision_models())
    return load_from_http(url, map_location)


def load_from_openmmlab(
    filename: str, map_location: MapLocation = None
) -> Any:
    """Read the weights that OpenMMLab has under a name."""
    from mmengine.runner.checkpoint import (
        _get_mmengine_home,
        get_deprecated_model_names,
        get_external_models,
    )

    renamed = get_deprecated_model_names()
    name = filename.partition('://')[2]
    url = _looked_up(
        f'open-mmlab://{renamed.get(name, name)}', get_external_models()
    )
    if url.startswith(_WEB):
        return load_from_http(url, map_location)
    return load_from_local(
        os.path.join(_get_mmengine_home(), url), map_location
    )


def load_from_mmcls(filename: str, map_location: MapLocation = None) -> Any:
    """Read the backbone that MMPretrain has under a name."""
    from mmengine.runner.checkpoint import (
        _process_mmcls_checkpoint,
        get_mmcls_models,
    )

    url = _looked_up(filename, get_mmcls_models())
    return _process_mmcls_checkpoint(load_from_http(url, map_location))


def _looked_up(filename: str, urls: dict) -> str:
    name = filename.partition('://')[2]
    if name not in urls:
        raise UserError(
            f'{filename}: MMEngine knows no weights of that name; check it, '
            'or name a file or URL'
        )
    return urls[name]


def load_from_ceph(filename: str, map_location: MapLocation = None) -> Any:
    """Read a file of a Petrel or S3 store."""
    from mmengine.fileio import get_file_backend

    backend = get_file_backend(filename, backend_args={'backend': 'petrel'})
    content = bytes(backend.get(filename))
    return for_host(read_bytes(content, filename, placer(map_location)))


def load_from_pavi(filename: str, map_location: MapLocation = None) -> Any:
    """Read a model of a Pavi store."""
    try:
        from pavi import modelcloud
    except ImportError as error:
        raise UserError(
            f'{filename}: needs the package pavi; install it, or {_ELSEWHERE}'
        ) from error
    model = modelcloud.get(filename.removeprefix(_PAVI))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, model.name)
        model.download(path)
        return load_from_local(path, map_location)


def load_from_other(filename: str, map_location: MapLocation = None) -> Any:
    """In the place of a loader of another package, which may run code.

    Raises:
        UserError: always.
    """
    raise UserError(
        f'{filename}: another package has a loader of its own for it, which '
        f'may run what is in the file; {_ELSEWHERE}'
    )
