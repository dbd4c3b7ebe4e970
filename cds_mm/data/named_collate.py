"""Batches that name the image that does not fit into them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from cds_mm.errors import UserError


class NamedCollate:
    """A loader's ``collate_fn``, whose faults name a file where one is odd.

    Args:
        collate: the function that makes a batch of samples.
    """

    def __init__(self, collate: Callable[[list], Any]):
        self.collate = collate

    def __call__(self, samples: list) -> Any:
        try:
            return self.collate(samples)
        except (RuntimeError, ValueError) as error:
            said = _odd_one(samples)
            if said is None:
                raise
            raise UserError(said) from error


def name_odd_images(loader: DataLoader) -> None:
    """Let the batches of a loader name what does not fit, once."""
    if not isinstance(loader.collate_fn, NamedCollate):
        loader.collate_fn = NamedCollate(loader.collate_fn)


def _odd_one(samples) -> str | None:
    if not all(isinstance(sample, dict) for sample in samples):
        return None
    sizes = [_sizes(sample.get('inputs')) for sample in samples]
    counted = Counter(sizes)
    if None in counted or len(counted) < 2:
        return None
    ((usual, _),) = counted.most_common(1)
    place = next(i for i, size in enumerate(sizes) if size != usual)
    meta = getattr(samples[place].get('data_samples'), 'metainfo', {})
    views = zip(sizes[place] or (), usual or (), strict=False)
    odd, other = next(
        (pair for pair in views if pair[0] != pair[1]), (None, None)
    )
    return (
        f'{meta.get("img_path", f"sample {place} of a batch")}: the pipeline '
        f'makes {_shown(odd)} pixels of it (the file has '
        f'{_shown(meta.get("ori_shape"))}), of others {_shown(other)}; put a '
        'Resize before the crop, or replace the file'
    )


def _sizes(inputs) -> tuple | None:
    """(H, W) of each view of a sample; None for what is no image."""
    views = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    if not all(isinstance(view, Tensor) and view.ndim == 3 for view in views):
        return None
    return tuple(tuple(view.shape[1:]) for view in views)


def _shown(size) -> str:
    return 'x'.join(map(str, size)) if size else 'another size'
