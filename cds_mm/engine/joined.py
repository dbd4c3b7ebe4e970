"""Which classes differ where joined data sets do not go together."""

import traceback

from mmengine.dataset import ConcatDataset


def joined_classes(error: Exception) -> str | None:
    """What the host's ConcatDataset leaves out of its error, or none."""
    if not isinstance(error, TypeError | ValueError):
        return None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        joined = frame.f_locals.get('self')
        if isinstance(joined, ConcatDataset) and 'meta_keys' in frame.f_locals:
            return _difference(joined.datasets)
    return None


def _difference(datasets) -> str | None:
    first = datasets[0].metainfo
    for number, dataset in enumerate(datasets[1:], 1):
        other = dataset.metainfo
        for key in {**first, **other}:
            if first.get(key) == other.get(key):
                continue
            if key != 'classes':
                return (
                    f'ConcatDataset: datasets.0 and datasets.{number} have '
                    f'another metainfo.{key}; set the same in both'
                )
            return _of_classes(first.get(key), other.get(key), number)
    return None


def _of_classes(ours, theirs, number) -> str:
    ours, theirs = list(ours or ()), list(theirs or ())
    wanted = (*ours, *(name for name in theirs if name not in ours))
    here = [name for name in ours if name not in theirs]
    there = [name for name in theirs if name not in ours]
    parts = []
    if here:
        parts.append(f'{", ".join(here[:4])} only in datasets.0')
    if there:
        parts.append(f'{", ".join(there[:4])} only in datasets.{number}')
    what = ' and '.join(parts) or 'in order or type (a list or a tuple)'
    return (
        f'ConcatDataset: its data sets have other classes: {what}; set '
        f'metainfo=dict(classes={wanted}) in all of them'
    )
