"""Pickles that are no checkpoints: annotations, proposals, results."""

import io
from typing import Any

import torch

from cds_mm.checkpoint.safe.finish import Finisher
from cds_mm.checkpoint.safe.layout import Stream, read_parts
from cds_mm.checkpoint.safe.limits import (
    MAX_DATA_INSTRUCTIONS,
    Allowance,
    Refused,
)
from cds_mm.checkpoint.safe.machine import Instructions, Machine
from cds_mm.checkpoint.safe.names import allowed_names
from cds_mm.checkpoint.safe.stand_ins import Instances, Maker
from cds_mm.checkpoint.safe.tensors import Storage

_INSTANCES = 'mmengine.structures.instance_data.InstanceData'
# How a pickle that torch has not made holds the data of a tensor.
_NESTED = 'torch.storage._load_from_bytes'


def read_data(content: bytes) -> Any:
    """What a file of ``pickle.dump`` holds.

    Args:
        content: of the file.

    Returns:
        Containers, plain values, arrays and tensors; :class:`Instances` for
        MMEngine's InstanceData.

    Raises:
        Refused: it is damaged.
        RunsCode: it names anything else.
    """
    allowance = Allowance(len(content))
    instructions = Instructions(MAX_DATA_INSTRUCTIONS)
    names = allowed_names(allowance)
    loaded: dict[str, torch.UntypedStorage] = {}

    def nested(inner: Any) -> Storage:
        file = Stream(io.BytesIO(inner), len(inner))
        storage, data = read_parts(file, allowance, names, instructions)
        if not isinstance(storage, Storage):
            raise Refused('is damaged (data that is of no tensor)')
        # Each of them begins to count at the same key.
        key, storage.key = storage.key, str(len(loaded))
        loaded[storage.key] = data[key]
        return storage

    # Not for what is inside: that has data, and no file of its own.
    outer = {
        **names,
        _INSTANCES: Maker(_INSTANCES, lambda: Instances()),
        _NESTED: Maker(_NESTED, nested),
    }
    machine = Machine(outer, _no_reference, instructions)
    tree = machine.run(io.BytesIO(content))
    return Finisher(
        lambda storage: loaded[storage.key], MAX_DATA_INSTRUCTIONS
    ).finish(tree)


def _no_reference(_: object) -> None:
    raise Refused('is damaged (it refers to data that is not in it)')
