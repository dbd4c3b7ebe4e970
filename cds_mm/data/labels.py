"""The labels of a data set, and the data sets inside of wrappers."""

import pickle

import numpy as np
from mmengine.dataset import BaseDataset
from mmpretrain.datasets import BaseDataset as ClsDataset

from cds_mm.errors import UserError


def leaf_datasets(dataset) -> list:
    """The data sets inside of ConcatDataset, RepeatDataset and the like."""
    # Not getattr: a sliced data set passes that on to the one inside.
    attributes = vars(dataset)
    inner = attributes.get('datasets')
    if inner is None:
        child = attributes.get('dataset', attributes.get('_dataset'))
        inner = [] if child is None else [child]
    if not inner:
        return [dataset]
    return [leaf for child in inner for leaf in leaf_datasets(child)]


def built_steps(leaf) -> list:
    """The transforms of a built data set, in order; the list itself.

    Args:
        leaf: a data set that is no wrapper; it may have no pipeline.
    """
    pipeline = getattr(leaf, 'pipeline', None)
    steps = getattr(pipeline, 'transforms', None)
    return [] if steps is None else steps


def dataset_labels(dataset) -> np.ndarray:
    """Labels (N,) int64 of a data set, wrapped or not, in its order.

    Raises:
        UserError: the data set has no single label for each image.
    """
    if _is_plain(dataset):
        return _stored_labels(dataset)
    if hasattr(dataset, 'get_gt_labels'):
        return np.asarray(dataset.get_gt_labels(), dtype=np.int64)
    if not hasattr(dataset, 'get_data_info'):
        raise UserError(
            f'{type(dataset).__name__}: gives no labels; use a data set of '
            'MMPretrain with one label for each image'
        )
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    return np.array([info['gt_label'] for info in infos], dtype=np.int64)


def _is_plain(dataset) -> bool:
    """Whether nothing stands between the stored records and the labels."""
    kind = type(dataset)
    return (
        isinstance(dataset, ClsDataset)
        and kind.get_data_info is BaseDataset.get_data_info
        and kind.get_gt_labels is ClsDataset.get_gt_labels
        and getattr(dataset, 'serialize_data', False)
    )


def _stored_labels(dataset) -> np.ndarray:
    # For ImageNet 1.1 s; one `get_data_info` after the other takes 4 s.
    dataset.full_init()
    records = memoryview(dataset.data_bytes)
    labels = np.empty(len(dataset), np.int64)
    start = 0
    for number, end in enumerate(dataset.data_address.tolist()):
        labels[number] = pickle.loads(records[start:end])['gt_label']
        start = end
    return labels
