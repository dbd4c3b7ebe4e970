import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmpretrain.datasets import CustomDataset

from cds_mm.data.labels import dataset_labels, leaf_datasets


@pytest.fixture
def build(tmp_path, rng):
    """A data set of an annotation file, and the labels in it."""
    labels = rng.integers(-1, 300, 40)
    path = tmp_path / 'list.txt'
    path.write_text(''.join(f'{i}.png {x}\n' for i, x in enumerate(labels)))

    def make(cls=CustomDataset, **options):
        return cls(ann_file=str(path), **options), labels

    return make


@pytest.mark.parametrize('serialize', [True, False])
@pytest.mark.parametrize('lazy', [True, False])
def test_labels_in_order(serialize, lazy, build):
    dataset, labels = build(serialize_data=serialize, lazy_init=lazy)
    got = dataset_labels(dataset)
    assert got.dtype == np.int64
    assert np.array_equal(got, labels)


def test_subsets_and_wrappers(build):
    dataset, labels = build()
    part = dataset.get_subset([30, 2, 5])
    assert dataset_labels(part).tolist() == labels[[30, 2, 5]].tolist()
    joined = ConcatDataset([dataset, part])
    wanted = [*labels, *labels[[30, 2, 5]]]
    assert dataset_labels(joined).tolist() == wanted
    repeated = RepeatDataset(part, 2)
    assert dataset_labels(repeated).tolist() == [*labels[[30, 2, 5]]] * 2
    assert leaf_datasets(joined) == [dataset, part]
    assert leaf_datasets(repeated) == [part]


@pytest.mark.parametrize('name', ['get_data_info', 'get_gt_labels'])
def test_a_data_set_that_changes_its_labels_is_asked(name, build):
    class Unlabelled(CustomDataset):
        pass

    def get_data_info(self, index):
        return {**CustomDataset.get_data_info(self, index), 'gt_label': -1}

    def get_gt_labels(self):
        return np.full(len(self), -1)

    setattr(Unlabelled, name, locals()[name])
    dataset, _ = build(Unlabelled)
    assert (dataset_labels(dataset) == -1).all()
