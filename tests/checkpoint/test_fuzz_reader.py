"""Broken and made-up pickles give an error of one line, or plain values."""

import io
import os
import pickletools
import random
import resource
import struct
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from hostile_pickles import PICKLES, checkpoint, saved, zipped
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mmengine.logging import HistoryBuffer

from cds_mm.checkpoint.host_values import for_host
from cds_mm.checkpoint.reading import read_bytes
from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed

SEED = fresh_seed()
FEW = settings(
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What plain values are made of, also within containers.
PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    slice,
    torch.Tensor,
    torch.dtype,
    torch.device,
    np.ndarray,
    np.generic,
    HistoryBuffer,
)
# Of the process, and of nobody else: no test may call or change them.
FORBIDDEN = (
    'os.system os.fork os.exec subprocess.Popen open compile exec '
    'shutil.rmtree os.remove os.rename os.mkdir'
).split()


def training_checkpoint():
    """One of each kind of thing that MMEngine keeps."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    content = checkpoint(
        numbers=[np.float64(1.5), np.arange(3), np.float32(2)],
        others=(torch.Size([1]), {1, 2}, b'abc', 1j, torch.float16, slice(2)),
        more=OrderedDict(a=torch.nn.Parameter(torch.ones(2))),
        half=torch.ones(3, dtype=torch.bfloat16).expand(2, 3),
    )
    content['state_dict'] = network.state_dict()
    content['optimizer'] = optimizer.state_dict()
    content['message_hub']['log_scalars']['loss'] = HistoryBuffer([1.0], [1])
    return content


ZIP = saved(training_checkpoint())
OLD = saved(training_checkpoint(), _use_new_zipfile_serialization=False)
with zipfile.ZipFile(io.BytesIO(ZIP)) as _archive:
    PARTS = {name: _archive.read(name) for name in _archive.namelist()}
PICKLE = next(name for name in PARTS if name.endswith('data.pkl'))
# Where its instructions begin.
STARTS = [place for _, _, place in pickletools.genops(PARTS[PICKLE])]
OPCODES = [opcode.code.encode('latin-1') for opcode in pickletools.opcodes]
NAMES = [
    b'cbuiltins\ngetattr\n',
    b'cbuiltins\neval\n',
    b'cos\nsystem\n',
    b'ccollections\nOrderedDict\n',
    b'cmmengine.logging.history_buffer\nHistoryBuffer\n',
    b'ctorch._utils\n_rebuild_tensor_v2\n',
    b'ctorch\nFloatStorage\n',
    b'cnumpy._core.multiarray\nscalar\n',
    b'cnumpy._core.multiarray\n_reconstruct\n',
    b'cnumpy\ndtype\n',
    b'cbuiltins\nbytearray\n',
    b'c_codecs\nencode\n',
    b'ctorch\nSize\n',
]


@pytest.fixture(scope='module', autouse=True)
def nothing_runs():
    """The interpreter itself reports what would be code or a file."""
    seen, active = [], [True]

    def watch(event, arguments):
        if active[0] and event in FORBIDDEN:
            frame, files = sys._getframe(), []
            while frame := frame.f_back:
                files.append(frame.f_code.co_filename)
            ours = any('checkpoint/safe' in file for file in files)
            # A codec that zipfile needs is imported when it is needed.
            if ours and not any('importlib' in file for file in files):
                seen.append((event, arguments))

    sys.addaudithook(watch)  # stays for the life of the process
    yield
    active[0] = False
    assert not seen


def with_pickle(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as archive:
        for name, part in PARTS.items():
            archive.writestr(name, content if name == PICKLE else part)
    return file.getvalue()


def check(content: bytes) -> None:
    """Read it: one line, or values that are plain all the way down."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        found = for_host(read_bytes(content, 'fuzzed.pth'))
    except UserError as error:
        said = str(error)
        assert said.startswith('fuzzed.pth: ') and said.isprintable(), said
        assert len(said) < 500
    else:
        check_plain(found)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most
    assert grown < 300 << 10, f'{grown >> 10} MB'  # KiB


def check_plain(value) -> None:
    if isinstance(value, dict):
        for key in value:
            check_plain(key)
            check_plain(value[key])
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            check_plain(item)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in 'biufcSU'
    elif callable(value) and not isinstance(value, torch.Tensor):
        # The functions that log buffers and schedulers have anyway.
        assert value.__module__.startswith('mmengine.')
        assert value.__name__.lstrip('_').startswith(
            ('min', 'max', 'current', 'mean', 'annealing_')
        )
    else:
        assert isinstance(value, PLAIN), type(value)


def test_the_whole_file_is_read():
    for content in (ZIP, OLD, with_pickle(PARTS[PICKLE])):
        found = for_host(read_bytes(content, 'fuzzed.pth'))
        check_plain(found)
        assert len(found['optimizer']['state']) == 4


@seed(SEED)
@FEW
@given(st.data())
def test_bytes_that_changed(data):
    content = bytearray(PARTS[PICKLE])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    check(with_pickle(bytes(content)))


@seed(SEED)
@FEW
@given(st.data())
def test_instructions_that_moved_or_came_in(data):
    content = PARTS[PICKLE]
    for _ in range(data.draw(st.integers(1, 3))):
        first, second = (data.draw(st.sampled_from(STARTS)) for _ in 'ab')
        kind = data.draw(st.sampled_from(['cut', 'copy', 'code', 'name']))
        if kind == 'cut':
            content = content[:first] + content[second:]
        elif kind == 'copy':
            piece = content[first : first + 40]
            content = content[:second] + piece + content[second:]
        elif kind == 'code':
            code = data.draw(st.sampled_from(OPCODES))
            content = content[:first] + code + content[first:]
        else:
            name = data.draw(st.sampled_from(NAMES))
            content = content[:first] + name + content[first:]
    check(with_pickle(content))


@seed(SEED)
@FEW
@given(
    st.lists(
        st.one_of(
            st.sampled_from(OPCODES),
            st.sampled_from(NAMES),
            st.binary(max_size=3).map(lambda b: b'U' + bytes([len(b)]) + b),
            st.integers(-(1 << 31), (1 << 31) - 1).map(
                lambda n: b'J' + struct.pack('<i', n)
            ),
            st.sampled_from([b')', b'(', b'\x85R', b'R', b'b', b'\x81', b't']),
        ),
        max_size=30,
    )
)
def test_made_up_programs(pieces):
    check(zipped(b'\x80\x02}(' + b''.join(pieces) + b'u.'))


@seed(SEED)
@FEW
@given(st.data(), st.sampled_from([ZIP, OLD]))
def test_files_that_changed(data, whole):
    content = bytearray(whole)
    kind = data.draw(st.sampled_from(['flip', 'cut', 'swap']))
    place = data.draw(st.integers(0, len(content) - 1))
    if kind == 'flip':
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == 'cut':
        del content[place : place + data.draw(st.integers(1, 200))]
    else:
        content[place : place + 8] = struct.pack(
            '<q', data.draw(st.integers(-(1 << 62), 1 << 62))
        )
    check(bytes(content))


@pytest.mark.parametrize('attack', PICKLES)
def test_attacks_that_were_changed(attack, tmp_path):
    """A byte of an attack does not turn it into one that works."""
    generator = random.Random(SEED)
    marker = tmp_path / 'ran'
    whole = PICKLES[attack](marker)
    for _ in range(300):
        content = bytearray(whole)
        content[generator.randrange(len(content))] = generator.randrange(256)
        check(zipped(bytes(content)))
    assert os.listdir(tmp_path) == []
