"""Nothing runs that is in a pickle or YAML which MMEngine loads as data."""

import io
import os
import pickle
from collections import OrderedDict, defaultdict

import mmengine
import numpy as np
import pytest
import torch
import yaml
from hostile_pickles import PICKLES, TREES, touch
from mmengine.evaluator import DumpResults
from mmengine.structures import InstanceData

import cds_mm.registration  # noqa: F401
from cds_mm.config import load_config
from cds_mm.errors import UserError


def written(path, content, protocol):
    path.write_bytes(pickle.dumps(content, protocol))
    return str(path)


def same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert [*one] == [*other]
        return all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        assert len(one) == len(other)
        return all(map(same, one, other))
    if isinstance(one, InstanceData):
        same(dict(one.metainfo_items()), dict(other.metainfo_items()))
        return same(dict(one.items()), dict(other.items()))
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        return torch.equal(one, other)
    np.testing.assert_array_equal(one, other)
    return True


@pytest.fixture
def honest(seed):
    rng = np.random.default_rng(seed)
    boxes = rng.random((7, 4), dtype=np.float32)
    weights = torch.arange(12.0)
    return {
        'train/0001.jpg': dict(bboxes=boxes, scores=boxes[:, 0].copy()),
        'metas': [dict(filename='a/b.jpg', ori_shape=(480, 640, 3))] * 2,
        'instances': InstanceData(
            metainfo=dict(img_id=7), bboxes=boxes, labels=torch.arange(7)
        ),
        'views': [weights[2:5], weights.view(3, 4).t(), weights > 3],
        'rle': dict(size=[3, 4], counts=b'\x00PQ1\xff'),
        'kinds': [None, True, 2**40, -1.5, 'ä', {1, 2}, np.float64(3.5)],
        'ordered': OrderedDict(b=1, a=np.arange(3)[::-1]),
        7: [np.array(['x', 'yy']), np.zeros((0, 5), dtype=np.int64)],
    }


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
@pytest.mark.parametrize('ending', ['pkl', 'pickle'])
def test_plain_data_comes_back(ending, protocol, honest, tmp_path):
    path = written(tmp_path / f'data.{ending}', honest, protocol)
    same(mmengine.load(path), honest)
    with open(path, 'rb') as file:
        same(mmengine.load(file, file_format='pkl'), honest)


def test_a_default_dict_is_a_dict(tmp_path):
    path = written(tmp_path / 'a.pkl', defaultdict(list, a=[1]), 4)
    assert mmengine.load(path) == {'a': [1]}


def test_what_the_host_writes_is_read_again(tmp_path):
    path = str(tmp_path / 'results.pkl')
    results = [dict(pred_score=torch.rand(3), img_path='a.png', label=[1])]
    DumpResults(path).compute_metrics(results)
    same(mmengine.load(path), results)


def test_more_entries_than_a_checkpoint_has(tmp_path):
    metas = [dict(filename=f'{i}.jpg', ori_shape=(i, i)) for i in range(99000)]
    path = written(tmp_path / 'metas.pkl', metas, 2)
    assert mmengine.load(path) == metas


@pytest.mark.parametrize('name', [*TREES, *PICKLES, 'in a storage'])
def test_no_code_runs(name, tmp_path):
    marker, path = tmp_path / 'ran', tmp_path / 'proposals.pkl'
    if name in PICKLES:
        path.write_bytes(PICKLES[name](marker))
    elif name in TREES:
        written(path, TREES[name](marker), 2)
    else:
        inner = io.BytesIO()
        torch.save(touch(marker), inner, _use_new_zipfile_serialization=False)
        size = len(inner.getvalue()).to_bytes(4, 'little')
        call = b'ctorch.storage\n_load_from_bytes\nB' + size
        path.write_bytes(b'\x80\x03' + call + inner.getvalue() + b'\x85R.')
    with pytest.raises(UserError, match='would run|damaged') as caught:
        mmengine.load(str(path))
    assert not marker.exists()
    assert str(caught.value).startswith(f'{path}: ')
    assert '\n' not in str(caught.value)


def test_damaged_pickles_are_one_line(honest, tmp_path):
    whole = pickle.dumps(honest, 2)
    path = tmp_path / 'cut.pkl'
    for size in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r'cut\.pkl: is damaged'):
            mmengine.load(str(path))


def test_the_way_out_of_a_refusal_works(tmp_path):
    """What the message says: the same as lists, dicts and arrays."""
    path = tmp_path / 'a.pkl'
    written(path, dict(a=np.ma.masked_array([1.0], [False])), 2)
    with pytest.raises(UserError, match='save it again as lists'):
        mmengine.load(str(path))
    written(path, dict(a=np.array([1.0])), 2)
    assert mmengine.load(str(path)) == {'a': np.array([1.0])}


def test_yaml_is_data(tmp_path):
    marker, path = tmp_path / 'ran', tmp_path / 'a.yaml'
    content = dict(a=[1, 2.5, None], b=(1, 'x', (2,)), c=dict(d=True))
    mmengine.dump(content, str(path))
    assert mmengine.load(str(path)) == content
    tag = '!!python/object/apply:os.system'
    path.write_text(f'a: 1\nb: {tag} ["touch {marker}"]\n')
    with pytest.raises(yaml.constructor.ConstructorError, match='x'):
        yaml.load('x: !!python/x 1', yaml.SafeLoader)
    with pytest.raises(UserError, match=r'a\.yaml, line 2: is no plain YAML'):
        mmengine.load(str(path))
    with pytest.raises(UserError, match='is no plain YAML'):
        load_config(str(path))
    assert not marker.exists() and os.path.exists(path)
