"""Which of a checkpoint's dicts holds the weights, and its wrappers."""

import re

import torch

from cds_mm.errors import UserError

_CONTAINERS = ('state_dict', 'model', 'model_state_dict', 'net')
# MMEngine, timm, torchvision's references.
_EMA_CONTAINERS = ('state_dict_ema', 'model_ema', 'ema')
# Of dicts that are looked for where there should be none.
_A_NETWORK, _DEEPEST, _SHOWN = 20, 8, 3
# Of the largest dict of tensors; buffers of a loss are fewer.
_MANY = 0.5
# What torch.compile, FSDP and activation checkpoints put around a part; no
# network has such names of its own.
_COMPILED = re.compile(
    r'(^|\.)(?:(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)'
    r'\.)+'
)
_FLAT = re.compile(r'(^|\.)_?flat_param(_\d+)?$')
# DistributedDataParallel's; some networks have a part of that name.
_PARALLEL = re.compile(r'(?:^|(?<=\.))module\.')


def choose_weights(
    checkpoint: dict, path, ema: bool, named: str | None = None
) -> tuple[dict[str, torch.Tensor], str]:
    """The state dict, and one word on which it is.

    Args:
        checkpoint (dict): What ``read_checkpoint`` gave.
        path: Its name, for messages.
        ema (bool): Take the averaged weights where there are any.
        named (str | None): The key of the dict to take.

    Raises:
        UserError: There are no weights, or several sets of them.
    """
    if named is not None:
        return _named_weights(checkpoint, path, named), named
    # MMEngine's EMAHook swaps on saving: `state_dict` holds the averaged
    # weights, `ema_state_dict` the last raw ones under `module.`.
    swapped = checkpoint.get('ema_state_dict')
    if isinstance(swapped, dict) and 'state_dict' in checkpoint:
        if ema:
            return _tensors(checkpoint['state_dict'], path), 'EMA'
        raw = {k: v for k, v in swapped.items() if k.startswith('module.')}
        return _tensors(raw, path), 'raw (not EMA)'
    if ema:
        for name in _EMA_CONTAINERS:
            found = _inner(checkpoint.get(name))
            if found:
                return found, 'EMA'
    for name in _CONTAINERS:
        found = _inner(checkpoint.get(name))
        if found:
            return found, 'trained'
    own = _only_tensors(checkpoint)
    others = _sets_of_weights(checkpoint)
    if own or not others:
        return _tensors(checkpoint, path), 'trained'
    if len(others) > 1:
        names = ', '.join(others)
        flags = ', or '.join(f'--weights {name}' for name in others)
        raise UserError(
            f'{path}: holds several sets of weights ({names}); pass {flags}'
        )
    ((name, state),) = others.items()
    return state, name


def _named_weights(checkpoint: dict, path, named: str) -> dict:
    found: object = checkpoint
    for part in named.split('.'):
        found = found.get(part) if isinstance(found, dict) else None
    state = _inner(found)
    if not state:
        has = ', '.join(_sets_of_weights(checkpoint)) or 'none'
        raise UserError(
            f'{path}: there are no weights under {named!r}; pass another '
            f'--weights (it has {has})'
        )
    return state


def _sets_of_weights(checkpoint: dict) -> dict[str, dict]:
    """Dicts of many tensors, by their key in a checkpoint."""
    found = {
        str(name): state
        for name, value in checkpoint.items()
        if (state := _inner(value))
    }
    most = max(map(len, found.values()), default=0)
    return {k: v for k, v in found.items() if len(v) >= _MANY * most}


def _inner(value: object) -> dict[str, torch.Tensor]:
    """The tensors of a dict, or of a state dict inside of it."""
    if not isinstance(value, dict):
        return {}
    own = _only_tensors(value)
    if own:
        return own
    for name in (*_CONTAINERS, *_EMA_CONTAINERS, 'module', 'shadow'):
        if isinstance(value.get(name), dict):
            own = _only_tensors(value[name])
            if own:
                return own
    return {}


def _only_tensors(state: dict) -> dict[str, torch.Tensor]:
    tensors = {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, torch.Tensor)
    }
    tensors.pop('n_averaged', None)
    return tensors


def _tensors(state: dict, path) -> dict[str, torch.Tensor]:
    tensors = _only_tensors(state)
    if not tensors:
        deeper = _deep_sets(state)
        flags = ', or '.join(f'--weights {name}' for name in deeper)
        raise UserError(
            f'{path}: holds no weights (no tensor under state_dict); '
            + (f'pass {flags}' if flags else 'give a checkpoint of a model')
        )
    return tensors


def _deep_sets(state: dict, above: str = '', depth: int = 0) -> list[str]:
    """Where dicts of tensors are that are nested deeper than usual."""
    found = []
    for name, value in state.items():
        if not isinstance(value, dict) or not isinstance(name, str):
            continue
        place = f'{above}{name}'
        many = len(_only_tensors(value)) >= _A_NETWORK
        if many and ' ' not in place:
            found.append(place)
        elif depth < _DEEPEST:
            found += _deep_sets(value, f'{place}.', depth + 1)
    return found[:_SHOWN]


def refuse_flat(state: dict, path) -> None:
    """Refuses the flattened parameters of FSDP.

    Args:
        state (dict): Names to tensors.
        path: The file, for messages.

    Raises:
        UserError: There are some.
    """
    if any(map(_FLAT.search, state)):
        raise UserError(
            f'{path}: holds flattened parameters of FSDP, which have lost '
            'their names; save it again with StateDictType.FULL_STATE_DICT'
        )


def without_wrappers(state: dict) -> dict:
    """Without what DistributedDataParallel and torch.compile put in names.

    Args:
        state (dict): Names to tensors; a part of the network may have been
            wrapped.
    """
    while True:
        names = {key: unwrapped_name(key) for key in state}
        names |= _without_parallel(names)
        if len(set(names.values())) < len(names):  # two would be one
            return state
        if all(key == name for key, name in names.items()):
            return state
        state = {names[key]: value for key, value in state.items()}


def unwrapped_name(key: str) -> str:
    """A name without what torch.compile and the like put in it."""
    return _COMPILED.sub(r'\1', key)


def _without_parallel(names: dict[str, str]) -> dict[str, str]:
    """Takes out ``module.`` where all beside it have it, too."""
    for name in names.values():
        for match in _PARALLEL.finditer(name):
            above = name[: match.start()]
            beside = [n for n in names.values() if n.startswith(above)]
            if all(n.startswith(f'{above}module.') for n in beside):
                cut = len(above), match.end()
                return {
                    key: n[: cut[0]] + n[cut[1] :]
                    for key, n in names.items()
                    if n.startswith(above)
                }
    return {}
