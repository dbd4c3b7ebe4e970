"""Checkpoints that are spread over several files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cds_mm.errors import UserError, first_line

INDEX = '.index.json'
# As Hugging Face names them: model-00001-of-00003.safetensors.
_SHARD = re.compile(r'(.+)-\d{5}-of-\d{5}\.(safetensors|bin)$')
_LARGEST_INDEX = 64 << 20  # bytes
_OF_TORCH = '.metadata'


def read_shards(index: Path, read: Callable[[Path], Any]) -> dict:
    """The weights of all files that an index lists.

    Args:
        index: the file, which maps names of tensors to files beside it.
        read: reads one of them.

    Raises:
        UserError: it is no such list, or a file is missing.
    """
    try:
        if index.stat().st_size > _LARGEST_INDEX:
            raise ValueError('it is too large')
        places = json.loads(index.read_text())['weight_map']
        files = sorted(set(places.values()))
        # Of one folder: the list may come from anybody.
        if not all(_SHARD.fullmatch(file) for file in files):
            raise ValueError('it names other files')
        if any(Path(file).name != file for file in files):
            raise ValueError('it names files in other folders')
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UserError(
            f'{index}: is no list of the parts of a checkpoint '
            f'({first_line(error)[:80]}); give a .pth or .safetensors file'
        ) from error
    state: dict[str, Any] = {}
    for file in files:
        content = read(index.parent / file)
        state.update(content.get('state_dict', content))
    lost = [name for name in places if name not in state]
    if lost:
        raise UserError(
            f'{index}: {len(lost)} tensors that it lists are in none of its '
            f'files, the first is {lost[0]}; copy them again'
        )
    return {'state_dict': state}


def refuse_part(path: Path) -> None:
    """Refuses one part of a checkpoint, where the whole is beside it.

    Raises:
        UserError: names the file that stands for the whole.
    """
    found = _SHARD.fullmatch(path.name)
    if found and '-of-00001.' not in path.name:
        index = path.with_name(f'{found[1]}.{found[2]}{INDEX}')
        there = '' if index.exists() else ' (which is missing: copy it too)'
        raise UserError(
            f'{path}: is one part of a checkpoint; name the list of all '
            f'parts, {index}{there}'
        )


def what_folder(path: Path) -> str:
    """What to do with a folder that was named instead of a file."""
    if (path / _OF_TORCH).exists():
        return (
            'is a distributed checkpoint of torch; make one file of it with '
            'python -m torch.distributed.checkpoint.format_utils '
            f'dcp_to_torch {path} FILE.pth'
        )
    return 'is a folder; give a checkpoint file inside it, such as epoch_N.pth'
