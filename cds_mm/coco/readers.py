"""How classes of MMDetection read files in COCO's format."""

from typing import Any, Literal, TypeAlias

# In which order of the categories a data set numbers its labels: that of the
# file, of their ids, of `metainfo.classes`; or it takes all of the file,
# whatever the classes are.
LabelOrder: TypeAlias = Literal['file', 'ids', 'names', 'all']


def label_order(kind: Any) -> LabelOrder | None:
    """The order of a data set's labels; None for a reader that is not known.

    Args:
        kind: a subclass of MMDetection's CocoDataset.
    """
    from mmdet.datasets import CocoDataset

    from cds_mm.coco.named import NamedCOCO

    order = _readers().get(kind.load_data_list)
    if kind.COCOAPI is NamedCOCO:
        return 'names' if order == 'file' else None
    # Files of another format (panoptic) have an API of their own.
    return order if kind.COCOAPI is CocoDataset.COCOAPI else None


def lists_its_file(kind: Any) -> bool:
    """Whether a class hands out the images of its file in their order.

    Args:
        kind: a subclass of MMDetection's CocoDataset.
    """
    return kind.load_data_list in _readers()


def unread_keys(kind: Any) -> set[str]:
    """Keys of an image that a class does not read though others do.

    LVIS 1.0 takes the name of a file from its ``coco_url``.
    """
    from mmdet.datasets import LVISV1Dataset

    by_url = kind.load_data_list is LVISV1Dataset.load_data_list
    return {'file_name'} if by_url else set()


def _readers() -> dict[Any, LabelOrder]:
    from mmdet.datasets import (
        CocoDataset,
        LVISV05Dataset,
        LVISV1Dataset,
        Objects365V1Dataset,
        Objects365V2Dataset,
    )

    return {
        CocoDataset.load_data_list: 'file',
        Objects365V1Dataset.load_data_list: 'ids',
        Objects365V2Dataset.load_data_list: 'ids',
        LVISV05Dataset.load_data_list: 'all',
        LVISV1Dataset.load_data_list: 'all',
    }
