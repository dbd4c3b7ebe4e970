"""Joined data sets with other classes: the error says which."""

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from cds_mm.engine.readable_errors import readable_errors
from cds_mm.errors import UserError
from cds_mm.testing import write_class_folder


def build(*parts):
    cfg = Config(dict(default_scope='mmpretrain'))
    with (
        readable_errors(cfg),
        DefaultScope.overwrite_default_scope('mmpretrain'),
    ):
        return DATASETS.build(dict(type='ConcatDataset', datasets=[*parts]))


def folder(root, name, classes, **more):
    write_class_folder(root / name, dict.fromkeys(classes, 2), side=8, seed=0)
    return dict(
        type='ClassFolder', data_root=str(root / name), pipeline=[], **more
    )


def test_folders_with_other_classes(tmp_path):
    first = folder(tmp_path, 'one', ['ant', 'bee'])
    second = folder(tmp_path, 'two', ['bee', 'cat'])
    with pytest.raises(UserError) as error:
        build(first, first, second)
    text = str(error.value)
    assert 'ant only in datasets.0 and cat only in datasets.2' in text
    # The advice holds.
    wanted = text.partition('metainfo=')[2].partition(') in all')[0] + ')'
    metainfo = eval(wanted, dict(dict=dict))
    assert metainfo == dict(classes=('ant', 'bee', 'cat'))
    more = dict(metainfo=metainfo)
    joined = build(first | more, second | more)
    infos = [joined.get_data_info(n) for n in range(len(joined))]
    labels = {
        info['img_path'].split('/')[-2]: info['gt_label'] for info in infos
    }
    assert labels == dict(ant=0, bee=1, cat=2)


def test_another_order(tmp_path):
    names = ['ant', 'bee']
    first = folder(tmp_path, 'one', names, metainfo=dict(classes=names))
    second = dict(first, metainfo=dict(classes=names[::-1]))
    with pytest.raises(UserError, match='in order or type'):
        build(first, second)


def test_other_mistakes_are_not_taken_for_it(tmp_path):
    with pytest.raises(UserError) as error:
        build(folder(tmp_path, 'one', ['ant'], nonsense=1))
    assert 'nonsense' in str(error.value)
