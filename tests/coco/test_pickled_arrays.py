"""A tree of classes that would run code."""

import os

import numpy as np
import pytest
from mmengine.config import Config

from cds_mm.coco.pickled_arrays import check_pickled_arrays
from cds_mm.errors import UserError


class Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def config(root, name):
    dataset = dict(
        type='OpenImagesChallengeDataset',
        data_root=str(root),
        hierarchy_file=name,
    )
    nested = dict(type='RepeatDataset', times=2, dataset=dataset)
    return Config(dict(train_dataloader=dict(dataset=nested)))


def test_plain_numbers_and_json(tmp_path):
    with open(tmp_path / 'tree.np', 'wb') as file:
        np.save(file, np.eye(3))
    for name in ('tree.np', 'tree.json', 'nowhere.np'):
        check_pickled_arrays(config(tmp_path, name), 'train')
    check_pickled_arrays(Config({}), 'val')


def test_what_is_pickled(tmp_path):
    marker = str(tmp_path / 'ran')
    holds = np.array([Touches(marker)], dtype=object)
    with open(tmp_path / 'tree.np', 'wb') as file:
        np.save(file, holds)
    with pytest.raises(UserError, match='dataset.hierarchy_file: .*tree.np'):
        check_pickled_arrays(config(tmp_path, 'tree.np'), 'train')
    assert not os.path.exists(marker)
    np.load(tmp_path / 'tree.np', allow_pickle=True)
    assert os.path.exists(marker), 'as the host would'
