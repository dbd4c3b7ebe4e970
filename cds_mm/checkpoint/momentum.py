"""Copies of a backbone in the checkpoint of a self-supervised method."""

import re

import torch

from cds_mm.errors import UserError

# MMPretrain's averages of the backbone that a method trains. Its papers and
# its configs evaluate the trained one.
_AVERAGED = {
    'encoder_k': 'MoCo and DenseCL',
    'target_net': 'BYOL',
    'momentum_encoder': 'MoCo v3',
}


def note_of_copies(
    state: dict[str, torch.Tensor],
    prefix: str,
    taken: dict[str, torch.Tensor],
    path,
) -> str:
    """What else in a checkpoint could have been taken for the backbone.

    Args:
        state: all weights of the checkpoint.
        prefix: where those that were taken start.
        taken: under bare keys.
        path: the file, for messages.

    Returns:
        str: that the trained encoder was chosen, and not its average; empty
        where the checkpoint has no copy.

    Raises:
        UserError: it has a copy, and it is not known which one is evaluated.
    """
    copies = [one for one in _copies(state, taken) if one != prefix]
    if not copies:
        return ''
    others = [one for one in copies if one.split('.')[0] not in _AVERAGED]
    if others:
        flags = ', or '.join(f'--prefix {one}' for one in (prefix, *others))
        raise UserError(
            f'{path}: holds several backbones of one architecture, and DINO, '
            'for one, evaluates the teacher where others evaluate the '
            f'student; pass {flags}'
        )
    (copy, *_) = copies
    method = _AVERAGED[copy.split('.')[0]]
    return (
        f'taken is the trained encoder ({prefix}*), which {method} evaluates; '
        f'its average over the training is taken with --prefix {copy}'
    )


def _copies(
    state: dict[str, torch.Tensor], taken: dict[str, torch.Tensor]
) -> list[str]:
    """Prefixes under which all of a network is found, in equal shapes."""
    if not taken:
        return []
    first = next(iter(taken))
    ends = re.compile(rf'(?:^|(?<=\.)){re.escape(first)}$')
    starts = [key[: -len(first)] for key in state if ends.search(key)]
    return [
        start
        for start in starts
        if all(
            start + key in state and state[start + key].shape == value.shape
            for key, value in taken.items()
        )
    ]
