"""Stanford Dogs, which MMPretrain lacks among its fine-grained data sets."""

import io

from mmengine import fileio
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS

from cds_mm.arguments import checked
from cds_mm.errors import UserError, message


@DATASETS.register_module()
class StanfordDogs(BaseDataset):
    """120 breeds of dogs, 12,000 images to train on and 8,580 to test.

    As unpacked from ``images.tar`` and ``lists.tar``; the lists may also lie
    in a folder ``lists``, and ``Annotation`` (boxes) is not read::

        data_root/Images/<synset>-<breed>/*.jpg
        data_root/train_list.mat
        data_root/test_list.mat

    The images come from ImageNet's training set.  After pretraining on
    ImageNet the backbone has seen the test images with their labels, so the
    accuracy is optimistic.

    Classes are named as the folders, without the synset, in the order of the
    labels.

    Args:
        data_root (str): the folder that holds ``Images``.
        split (str): 'train' or 'test'.
        test_mode (bool): whether an image that fails is an error; as in
            :class:`mmpretrain.datasets.CUB`.
        **kwargs: as in :class:`mmpretrain.datasets.BaseDataset`.

    Raises:
        UserError: another split, or a list that is missing, broken or does
            not give each folder its own label, from 1 on.
    """

    @checked
    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        test_mode: bool = False,
        **kwargs,
    ):
        if split not in ('train', 'test'):
            raise UserError(
                f"StanfordDogs: split={split!r} is none of 'train' and "
                "'test'; set one of them"
            )
        self.split = split
        super().__init__(
            ann_file=_list_file(data_root, split),
            data_root=data_root,
            data_prefix='Images',
            test_mode=test_mode,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List ``img_path`` and ``gt_label``, from 0 on, of every image."""
        samples = _read_list(self.ann_file)
        classes = _class_names(samples, self.ann_file)
        self._metainfo.setdefault('classes', classes)
        return [
            dict(
                img_path=fileio.join_path(self.img_prefix, file),
                gt_label=label - 1,
            )
            for file, label in samples
        ]

    def extra_repr(self) -> list[str]:
        """What ``repr`` says besides the counts."""
        return [f'Root of dataset: \t{self.data_root}']


def _list_file(root: str, split: str) -> str:
    name = f'{split}_list.mat'
    inside = fileio.join_path('lists', name)
    found = fileio.isfile(fileio.join_path(root, inside))
    return inside if found else name


def _read_list(path: str) -> list[tuple[str, int]]:
    # Here, since most runs read no such file. The host's mat4py knows one
    # encoding of strings, MATLAB has written several.
    from scipy.io import loadmat

    try:
        content = loadmat(io.BytesIO(fileio.get(path)))
        files = [str(cell.item()) for cell in content['file_list'].flat]
        labels = [int(label) for label in content['labels'].flat]
        return list(zip(files, labels, strict=True))
    # What scipy raises depends on the place where the file is broken.
    except Exception as error:
        raise UserError(
            f'{path}: cannot be read as file_list and labels in a MATLAB '
            f'file ({_cause(error)}); unpack lists.tar of Stanford Dogs again'
        ) from error


def _cause(error: Exception) -> str:
    text = getattr(error, 'strerror', None) or message(error)
    text = ' '.join(text.split())
    return f'{type(error).__name__}: {text}'


def _class_names(samples: list[tuple[str, int]], path: str) -> tuple[str, ...]:
    pairs = sorted({(label, file.split('/')[0]) for file, label in samples})
    labels = [label for label, _ in pairs]
    folders = [folder for _, folder in pairs]
    from_one_on = list(range(1, len(pairs) + 1))
    if labels != from_one_on or len(set(folders)) != len(folders):
        raise UserError(
            f'{path}: its labels are not one for each folder, from 1 on; '
            'unpack lists.tar of Stanford Dogs again'
        )
    return tuple(folder.partition('-')[2] or folder for folder in folders)
