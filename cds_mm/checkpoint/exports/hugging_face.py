"""A folder as the Hugging Face Hub has them, from which timm loads."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cds_mm.checkpoint.exports.folder import new_folder
from cds_mm.checkpoint.exports.model_card import model_card
from cds_mm.checkpoint.exports.plan import (
    Plan,
    State,
    refusal,
    unit_statistics,
)
from cds_mm.checkpoint.exports.proving import ExportProof
from cds_mm.checkpoint.record import BackboneRecord
from cds_mm.checkpoint.writing import safetensors_bytes
from cds_mm.errors import UserError, first_line
from cds_mm.files import atomic_write
from cds_mm.optional import extra

WEIGHTS, CONFIG, CARD = 'model.safetensors', 'config.json', 'README.md'
# What a name ends with that is meant for a file.
_OF_FILES = ('.pth', '.pt', '.pkl', '.safetensors', '.onnx', '.bin')
# Of a pretrained_cfg: where timm cuts when heads or channels are changed.
_OF_THE_NETWORK = ('first_conv', 'classifier')


def check_installed() -> None:
    """Say before the work that a library is missing.

    Raises:
        UserError: timm or huggingface_hub is.
    """
    extra('timm', 'export')
    extra('huggingface_hub', 'export')


def check_folder(path: str | Path) -> None:
    """Say early that a folder cannot be made.

    Args:
        path: absent, or an empty folder.

    Raises:
        UserError: it is something else.
    """
    path = Path(path)
    if path.suffix in _OF_FILES:
        raise UserError(
            f'{path}: --target hf writes a folder; give it a name without '
            f'{path.suffix}'
        )
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UserError(f'{path}: is no folder; choose another name')
    if path.is_dir() and any(path.iterdir()):
        raise UserError(
            f'{path}: is a folder with files in it; remove it or choose '
            'another name'
        )


def check_plan(plan: Plan, record: BackboneRecord) -> None:
    """Refuse what a ``config.json`` of timm cannot say.

    Args:
        plan: of timm.
        record: of the backbone.

    Raises:
        UserError: the network is changed by hand, or sees BGR images.
    """
    elsewhere = 'choose --target timm, onnx or mmdet'
    if plan.timm is None:
        raise refusal(
            'hf',
            record.backbone,
            f'no config of timm has it ({", ".join(plan.settings)})',
            elsewhere,
        )
    if record.known_order != 'rgb':
        raise refusal(
            'hf',
            record.backbone,
            'timm feeds RGB images, it was trained on BGR',
            elsewhere,
        )


def write_folder(
    path: str | Path,
    state: State,
    plan: Plan,
    record: BackboneRecord,
    proof: ExportProof,
    meta: object,
) -> Path:
    """Write the folder as a whole, or nothing.

    Args:
        path: as of :func:`check_folder`.
        state: the weights under timm's names.
        plan: of timm.
        record: of the backbone.
        proof: of the weights in timm.
        meta: of the checkpoint.

    Returns:
        Path: ``path``.
    """
    path = Path(path)
    card = model_card(path.name, record, meta, plan.network, proof.line())
    metadata = {'state_dict': state, 'meta': {'cds_mm': record.to_dict()}}
    with new_folder(path) as folder:
        atomic_write(folder / WEIGHTS, safetensors_bytes(metadata))
        config = json.dumps(_config(plan, record), indent=2) + '\n'
        atomic_write(folder / CONFIG, config.encode())
        atomic_write(folder / CARD, card.encode())
        _check_loads(folder, state)
    return path


def _check_loads(folder: Path, state: State) -> None:
    """Whether timm builds and fills the same network from the folder.

    Raises:
        UserError: it does not.
    """
    import timm

    try:
        with torch.random.fork_rng(devices=[]):
            network = timm.create_model(f'local-dir:{folder}', pretrained=True)
    # An older timm may read such a folder in another way.
    except Exception as error:
        raise UserError(
            f'--target hf: timm {timm.__version__} cannot load the folder '
            f'({first_line(error)[:120]}); update timm, or choose --target '
            'timm'
        ) from error
    found = network.state_dict()
    if found.keys() != state.keys() or not all(
        torch.equal(found[key], state[key]) for key in state
    ):
        raise UserError(
            f'--target hf: timm {timm.__version__} loads other weights from '
            'the folder; update timm, or choose --target timm'
        )


def _config(plan: Plan, record: BackboneRecord) -> dict[str, Any]:
    """What timm builds the network from, and how it feeds it."""
    assert plan.timm is not None
    name, options = plan.timm
    network: nn.Module = plan.build()
    theirs = getattr(network, 'pretrained_cfg', {})
    given = {key: theirs.get(key) for key in _OF_THE_NETWORK}
    mean, std = unit_statistics(record)
    return {
        'architecture': name,
        'num_classes': 0,
        'num_features': getattr(network, 'num_features', None),
        'model_args': options,
        'pretrained_cfg': {
            'input_size': list(theirs.get('input_size', (3, 224, 224))),
            'mean': mean,
            'std': std,
            'num_classes': 0,
            **{key: value for key, value in given.items() if value},
        },
    }
