"""Damaged and hostile files cost one line, little memory and little time."""

import io
import json
import os
import resource
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_pickles import checkpoint, saved, zipped
from safetensors.torch import save_file

from cds_mm.checkpoint import convert, read_checkpoint
from cds_mm.errors import UserError

MANY = 10_000_000_000


def pickled(*pieces: bytes) -> bytes:
    """{'a': ...} of protocol 2."""
    return b'\x80\x02}U\x01a' + b''.join(pieces) + b's.'


def deflated(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', content)
    return file.getvalue()


def bomb_of_data() -> bytes:
    """256 MB of zeros in 1 MB."""
    parts = zipfile.ZipFile(io.BytesIO(saved({'w': torch.zeros(2)})))
    content = parts.read('archive/data.pkl')
    file = io.BytesIO()
    with zipfile.ZipFile(
        file, 'w', zipfile.ZIP_DEFLATED, compresslevel=1
    ) as z:
        z.writestr(
            'archive/data.pkl',
            content.replace(b'K\x02', b'J' + struct.pack('<i', 1 << 26)),
        )
        with z.open('archive/data/0', 'w', force_zip64=True) as part:
            for _ in range(16):
                part.write(bytes(1 << 24))
    return file.getvalue()


def old_bomb() -> bytes:
    content = saved(
        {'w': torch.zeros(70_000)}, _use_new_zipfile_serialization=False
    )
    declared, much = struct.pack('<i', 70_000), struct.pack('<i', 0x7FFFFFFF)
    assert declared in content
    return content.replace(declared, much)


def views() -> bytes:
    """300 tensors of 16 MB, of one storage."""
    base = torch.zeros(4 << 20)
    return saved({f'k{number}': base.view(-1) for number in range(300)})


def wide(**shapes) -> bytes:
    few = torch.zeros(4)[:1]
    return saved({key: few.expand(shape) for key, shape in shapes.items()})


def nested(count: int) -> bytes:
    """Each list holds the one before ten times."""
    content = b']q\x00'
    for number in range(count):
        place = bytes([number])
        # The one before is taken off the stack, and comes from the memo.
        content += b'0(' + (b'h' + place) * 10 + b'lq' + bytes([number + 1])
    return content


COLLIDING = (
    b'('.join(
        [
            b'}',
            b''.join(
                b'\x8a\x0a'
                + (n * ((1 << 61) - 1)).to_bytes(10, 'little')
                + b'N'
                for n in range(60_000)
            ),
        ]
    )
    + b'u'
)
BYTES = b'c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R'
ENCODED = b'c_codecs\nencode\nh\x05U\x06latin1\x86R'

# By kind: how to make the file, and what the line says.
FILES = {
    'zeros of 256 MB': (bomb_of_data, 'more memory'),
    'pickle of 100 MB': (
        lambda: deflated(b'\x80\x02}' + b'N0' * 50_000_000 + b'.'),
        'more memory',
    ),
    'bytearrays': (
        lambda: zipped(pickled(b'(' + BYTES * 20 + b'l')),
        'bytes without',
    ),
    'one text encoded often': (
        lambda: zipped(
            pickled(
                b'X'
                + struct.pack('<i', 1 << 20)
                + b'a' * (1 << 20)
                + b'q\x05',
                b'0(' + ENCODED * 9000 + b'l',
            )
        ),
        'more memory',
    ),
    'a million keys': (
        lambda: zipped(
            b'\x80\x02}('
            + b''.join(b'J%sN' % struct.pack('<i', n) for n in range(600_000))
            + b'u.'
        ),
        'far more entries',
    ),
    'keys that collide': (lambda: zipped(pickled(COLLIDING)), 'a key of'),
    'data of the old layout': (old_bomb, 'more memory|truncated'),
    'views': (views, 'more memory'),
    'expanded': (lambda: wide(a=(1 << 31,)), 'more memory'),
    'expanded far': (lambda: wide(a=(1 << 30, 1 << 28)), 'more memory'),
    'deep lists': (
        lambda: zipped(pickled(b']' * 90_000 + b'a' * 89_999)),
        'nests',
    ),
    'deep tuples': (lambda: zipped(pickled(b')' + b'\x85' * 90_000)), 'nests'),
    'in itself': (lambda: zipped(b'\x80\x02}q\x00U\x01ah\x00s.'), 'nests'),
    'lists of lists': (
        lambda: zipped(pickled(nested(30))),
        'larger than the file',
    ),
    'cut text': (
        lambda: zipped(b'\x80\x02X\xff\xff\xff\x7fabc'),
        'is damaged',
    ),
    'long number': (
        lambda: zipped(pickled(b'L' + b'9' * 900_000 + b'L\n')),
        'is damaged',
    ),
    'no instruction': (lambda: zipped(b''), 'is damaged'),
    'sparse': (
        lambda: saved({'a': torch.eye(3).to_sparse()}),
        'tensor that is sparse',
    ),
    'meta': (
        lambda: saved({'a': torch.ones(3, device='meta')}),
        r'tensor that is empty \(meta\)',
    ),
    'past its data': (
        lambda: saved({'a': torch.ones(9)}).replace(
            b'K\x09\x85', b'K\x0a\x85'
        ),
        'damaged',
    ),
    'jit': (lambda: jit(), 'TorchScript'),
}


def jit() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), file)
    return file.getvalue()


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('kind', FILES)
def test_refused_early_in_one_line(kind, tmp_path):
    make, said = FILES[kind]
    path, target = tmp_path / 'src.pth', tmp_path / 'new' / 'dst.pth'
    path.write_bytes(make())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(UserError, match=said) as caught:
        convert(path, target)
    assert time.process_time() - start < 10
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most
    assert grown < 500 << 10, f'{grown >> 10} MB'  # KiB
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith(f'{path}: ')
    assert not target.parent.exists()


def test_parts_are_counted_before_they_are_listed(tmp_path, monkeypatch):
    content = {f'k{number}': torch.ones(1) for number in range(200)}
    path = tmp_path / 'a.pth'
    torch.save(content, path)
    assert len(read_checkpoint(path)) == 200
    monkeypatch.setattr('cds_mm.checkpoint.safe.archive.MAX_PARTS', 100)
    with pytest.raises(UserError, match='has 20[0-9] parts, far more'):
        read_checkpoint(path)


def test_a_pipe_or_device_is_no_source(tmp_path):
    os.mkfifo(tmp_path / 'pipe.pth')
    for path in (tmp_path / 'pipe.pth', Path(os.devnull)):
        with pytest.raises(UserError, match='pipe or a device'):
            read_checkpoint(path)
    with pytest.raises(UserError, match='File name too long'):
        read_checkpoint(tmp_path / ('x' * 300))


def test_every_flipped_bit_of_an_archive_is_seen(tmp_path, seed):
    """Or it is in what no value depends on."""
    content = dict(state_dict={'w': torch.randn(500)}, meta=dict(epoch=3))
    whole, generator = saved(content), np.random.default_rng(seed)
    path = tmp_path / 'a.pth'
    seen = 0
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[generator.integers(len(whole))] ^= 1 << generator.integers(8)
        path.write_bytes(flipped)
        try:
            found = read_checkpoint(path)
        except UserError:
            seen += 1
        else:
            assert torch.equal(
                found['state_dict']['w'], content['state_dict']['w']
            )
            assert found['meta'] == content['meta']
    assert seen > 150


def test_files_without_checksums_are_read(tmp_path):
    path = tmp_path / 'a.pth'
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(checkpoint(), path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(path)['state_dict']['w'] == 1


def changed(training_file, key, change):
    path, _ = training_file()
    content = torch.load(path, weights_only=False)
    state = content['state_dict']
    state[f'backbone.{key}'] = change(state[f'backbone.{key}'])
    torch.save(content, path)
    return path


WEIGHTS = {
    'bool': (lambda w: w > 0, 'conv1.weight holds numbers of type bool'),
    'integers': (lambda w: (9 * w).int(), 'of type int32, but float32'),
    'complex': (lambda w: torch.complex(w, w), 'of type complex64'),
    'eight bits': (lambda w: w.to(torch.float8_e4m3fn), 'float8_e4m3fn'),
    'huge': (lambda w: w * 0 + 3e38, r'not finite.*3\.0e\+38 in conv1.weight'),
    'too wide': (lambda w: w.double() + 1e300, 'NaN or infinity'),
}


@pytest.mark.parametrize('kind', WEIGHTS)
def test_weights_that_nobody_trained(kind, training_file, tmp_path):
    change, said = WEIGHTS[kind]
    path = changed(training_file, 'conv1.weight', change)
    with pytest.raises(UserError, match=said) as caught:
        convert(path, tmp_path / 'dst.pth')
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'dst.pth').exists()


def test_variances_below_zero(training_file, tmp_path):
    path = changed(training_file, 'bn1.running_var', lambda v: v - 9)
    with pytest.raises(UserError, match='bn1.running_var has a variance'):
        convert(path, tmp_path / 'dst.pth')


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_other_precisions_are_no_fault(dtype, training_file, tmp_path):
    path, network = training_file()
    content = torch.load(path, weights_only=False)
    state = content['state_dict']
    # As tools do that turn a whole file into another precision.
    content['state_dict'] = {k: v.to(dtype) for k, v in state.items()}
    torch.save(content, path)
    written = convert(path, tmp_path / 'dst.pth').path
    found = read_checkpoint(written)['state_dict']['conv1.weight']
    assert torch.equal(found, network.conv1.weight.to(dtype).float())


RECORDS = {
    'mean of NaN': (dict(mean=[float('nan'), 1, 1]), 'damaged'),
    'std of infinity': (dict(std=[1, 1, float('inf')]), 'damaged'),
    'std below 0': (dict(std=[-1.0, 1, 1]), 'damaged'),
    'mean beyond floats': (dict(mean=[10**400, 1, 1]), 'damaged'),
    'no channels': (dict(base_channels=-4), 'cannot be built'),
    'channels of 23 GB': (dict(base_channels=60_000), 'far larger'),
    'more channels': (dict(base_channels=MANY), 'a number above'),
    'a million stages': (dict(num_stages=10**6), 'a number above'),
    'channels in words': (dict(base_channels='64'), 'cannot be built'),
    'a norm that fails': (
        dict(norm_cfg=dict(type='BN', eps=-1e9)),
        'cannot compute an image.*--config',
    ),
}


@pytest.mark.parametrize('kind', RECORDS)
def test_records_out_of_range(kind, training_file, tmp_path):
    change, said = RECORDS[kind]
    path, _ = training_file()
    content = torch.load(path, weights_only=False)
    record = content['meta']['cds_mm']
    is_input = {'mean', 'std'} & {*change}
    (record if is_input else record['backbone']).update(change)
    torch.save(content, path)
    start = time.process_time()
    with pytest.raises(UserError, match=said) as caught:
        convert(path, tmp_path / 'dst.pth')
    assert time.process_time() - start < 10
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'dst.pth').exists()


@pytest.mark.parametrize('text', ['[' * 200_000, '{"a":', json.dumps('x')])
def test_records_of_safetensors(text, tmp_path):
    path = tmp_path / 'a.safetensors'
    save_file({'w': torch.ones(1)}, path, {'cds_mm': text})
    with pytest.raises(UserError, match='record'):
        convert(path, tmp_path / 'dst.pth')
