"""Reads checkpoint files without running anything that is in them."""

import contextlib
import json
import pickletools
import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import serialization

from cds_mm.checkpoint.inert import RefusedLookup, inert_globals
from cds_mm.errors import UserError, first_line

SAFETENSORS_SUFFIXES = ('.safetensors',)
METADATA_KEY = 'cds_mm'


def read_checkpoint(path: str | Path, trust: bool = False) -> dict:
    """Opens a ``.pth`` or ``.safetensors`` file; no code of it runs.

    Only tensors, containers and plain values are read.  Log buffers and
    NumPy values, which MMEngine adds, come back as inert placeholders.

    Args:
        path (str | Path): The file.
        trust (bool): Open a pickle with everything that it wants to run.
            Only for files whose origin you trust as you trust a program.

    Returns:
        dict: What the file holds.  A safetensors file gives
        ``{'state_dict': ..., 'meta': {'cds_mm': ...}}``.

    Raises:
        UserError: No such file, not a file, empty, truncated, not a
            checkpoint, or it names something outside the allowed list.
    """
    path = Path(path)
    _check_file(path)
    if path.suffix in SAFETENSORS_SUFFIXES:
        return _read_safetensors(path)
    content = _read_pickle(path, trust)
    if not isinstance(content, dict):
        raise UserError(
            f'{path}: holds a {type(content).__name__}, not a checkpoint '
            '(a dict); give the file that the training wrote'
        )
    return content


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UserError(
            f'{path}: is a folder; give a checkpoint file inside it, such as '
            'epoch_N.pth'
        )
    if not path.exists():
        raise UserError(f'{path}: no such file; check the path')
    try:
        size = path.stat().st_size
        with path.open('rb'):
            pass
    except OSError as error:
        raise UserError(
            f'{path}: cannot be opened ({error.strerror}); check its '
            'permissions'
        ) from error
    if size == 0:
        raise UserError(
            f'{path}: is empty (0 bytes); copy or download it again'
        )


def _read_pickle(path: Path, trust: bool):
    try:
        if trust:
            return torch.load(path, map_location='cpu', weights_only=False)
        with _only_inert_globals(), warnings.catch_warnings():
            # Torch warns of an unusual pickle protocol before it refuses.
            warnings.simplefilter('ignore')
            return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # whatever a broken file makes torch raise
        raise UserError(_explain(path, error, trust)) from error


@contextlib.contextmanager
def _only_inert_globals():
    """Our list alone: other code in the process may have widened torch's."""
    before = serialization.get_safe_globals()
    serialization.clear_safe_globals()
    try:
        with serialization.safe_globals([*inert_globals()]):
            yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(before)


def _explain(path: Path, error: Exception, trust: bool) -> str:
    unsafe = [] if trust else _refused_globals(path, str(error))
    if isinstance(error, RefusedLookup):
        unsafe.append(str(error))
    if unsafe:
        names = ', '.join(unsafe[:3]) + (', ...' if len(unsafe) > 3 else '')
        return (
            f'{path}: refused, because reading it would run {names}, which '
            'is not part of a checkpoint; nothing was run; pass --trust only '
            'if you know who made the file'
        )
    if zipfile.is_zipfile(path):
        return (
            f'{path}: cannot be read as a checkpoint '
            f'({first_line(error)[:160]}); save it again with '
            'torch.save(state_dict, path)'
        )
    if _starts_like_zip(path):
        return (
            f'{path}: is truncated (its end is missing); copy or download it '
            'again'
        )
    return (
        f'{path}: is not a checkpoint that torch can read, or is truncated; '
        'give a .pth or .safetensors file, or copy it again'
    )


def _starts_like_zip(path: Path) -> bool:
    with path.open('rb') as file:
        return file.read(2) == b'PK'


def _refused_globals(path: Path, message: str) -> list[str]:
    """Names in a pickle that are not allowed, without running it."""
    allowed = {name for _, name in inert_globals()}
    allowed |= set(torch._weights_only_unpickler._get_allowed_globals())
    found = [n for n in _named_globals(path) if n not in allowed]
    match = re.search(r'GLOBAL ([\w.]+)', message)
    if match and not found:
        found.append(match.group(1))
    return list(dict.fromkeys(found))


def _named_globals(path: Path) -> list[str]:
    """Every global that the pickle streams of a file name."""
    names: list[str] = []
    for stream in _pickle_streams(path):
        recent: list[str] = []
        # A cut or foreign stream ends in an error; what came first counts.
        with contextlib.suppress(Exception):
            for opcode, argument, _ in pickletools.genops(stream):
                if opcode.name == 'STACK_GLOBAL' and len(recent) > 1:
                    names.append(_modern_name(*recent[-2:]))
                elif not isinstance(argument, str):
                    continue
                elif opcode.name in ('GLOBAL', 'INST'):
                    names.append(_modern_name(*argument.split(' ', 1)))
                else:
                    recent.append(argument)
    return names


def _modern_name(module: str, name: str) -> str:
    renamed = {'__builtin__': 'builtins', 'copy_reg': 'copyreg'}
    return f'{renamed.get(module, module)}.{name}'


def _pickle_streams(path: Path):
    with contextlib.suppress(Exception):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith('.pkl'):
                        yield archive.read(name)
        else:
            with path.open('rb') as file:
                content = file.read(64 << 20)
            # The old format holds several pickles in a row: a magic number,
            # a version, the platform, the object.
            for _ in range(5):
                yield content
                content = content[_pickle_length(content) :]


def _pickle_length(content: bytes) -> int:
    length = len(content)
    for opcode, _, position in pickletools.genops(content):
        if opcode.name == 'STOP' and position is not None:
            length = position + 1
    return length


def _read_safetensors(path: Path) -> dict:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework='pt', device='cpu') as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f'{path}: is not a whole safetensors file '
            f'({first_line(error)[:120]}); copy it again'
        ) from error
    meta = {}
    if METADATA_KEY in metadata:
        try:
            meta[METADATA_KEY] = json.loads(metadata[METADATA_KEY])
        except ValueError as error:
            raise UserError(
                f'{path}: its cds_mm record is damaged ({error}); convert '
                'the checkpoint again'
            ) from error
    return {'state_dict': state, 'meta': meta}
