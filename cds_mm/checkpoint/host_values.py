"""What MMEngine needs of a checkpoint to go on, made from plain values."""

from collections.abc import Callable
from typing import Any

import torch

from cds_mm.checkpoint.safe import Instances, LogBuffer, Method
from cds_mm.checkpoint.safe.layout import Placer

# As torch.load takes it.
MapLocation = str | torch.device | dict | Callable | None


def for_host(content: Any) -> Any:
    """Put MMEngine's own objects where a file had them.

    Args:
        content: as the restricted reader gives it; changed in place.

    Returns:
        The same with log buffers, made from their numbers, and the curves of
        schedulers.  ``meta['config']``, which MMEngine would run as a
        program, is left out; no checkpoint of MMEngine has it.
    """
    made = _made(content, {})
    meta = made.get('meta') if isinstance(made, dict) else None
    if isinstance(meta, dict):
        meta.pop('config', None)
    return made


def _made(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    if id(value) in done:
        return done[id(value)][1]
    made = value
    if isinstance(value, dict):
        for key in value:
            value[key] = _made(value[key], done)
    elif isinstance(value, list):
        value[:] = [_made(item, done) for item in value]
    elif type(value) is tuple:
        made = tuple(_made(item, done) for item in value)
    elif isinstance(value, LogBuffer):
        made = _history_buffer(value)
    elif isinstance(value, Instances):
        made = _instance_data(_made(value.state, done))
    elif isinstance(value, Method):
        made = _function(value)
    # The first is kept alive, so that its identity is not given away.
    done[id(value)] = (value, made)
    return made


def _history_buffer(buffer: LogBuffer) -> Any:
    from mmengine.logging import HistoryBuffer

    return HistoryBuffer(buffer.values, buffer.counts, buffer.max_length)


def _instance_data(state: dict) -> Any:
    from mmengine.structures import InstanceData

    of_image = state.get('_metainfo_fields') or ()
    fields = {k: v for k, v in state.items() if not k.startswith('_')}
    meta = {name: fields.pop(name) for name in of_image if name in fields}
    return InstanceData(metainfo=meta, **fields)


def _function(method: Method) -> Any:
    from mmengine.logging import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

    owners = (HistoryBuffer, OneCycleParamScheduler)
    owner = next(one for one in owners if one.__name__ == method.owner)
    return getattr(owner, method.name)


def placer(map_location: MapLocation) -> Placer | None:
    """What moves the data of tensors, as ``torch.load`` would.

    Args:
        map_location: a device, devices by the names of others, or a function
            of a storage and a name.  With None everything stays on the CPU,
            also what was saved on a GPU.
    """
    if map_location is None or map_location == 'cpu':
        return None
    if isinstance(map_location, str | torch.device):
        device = torch.device(map_location)
        return lambda data, _: _moved(data, device)
    if isinstance(map_location, dict):
        places = map_location
        return lambda data, location: _moved(
            data, torch.device(places.get(location, location))
        )
    function = map_location

    def call(data: torch.UntypedStorage, location: str) -> Any:
        # None stands for "where it was", which may not be here.
        found = function(data, location)
        return data if found is None else found

    return call


def _moved(
    data: torch.UntypedStorage, device: torch.device
) -> torch.UntypedStorage:
    whole = torch.empty(0, dtype=torch.uint8).set_(data)
    return whole.to(device).untyped_storage()
