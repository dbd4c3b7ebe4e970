"""The settings of a run are read from a checkpoint's text, never run."""

import pytest
from mmengine.config import Config

from cds_mm.config import load_config
from cds_mm.config.differences import differences
from cds_mm.config.recorded import recorded_settings
from cds_mm.testing import CONFIGS

LEAVES = [
    str(CONFIGS / 'cds_r18_folder.py'),
    str(CONFIGS / 'kd/kd_r18_cifar10_folder.py'),
    str(CONFIGS / 'demo/retinanet_r18_fpn_digits.py'),
    'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    'mmdet::soft_teacher/'
    'soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco.py',
    'mmpretrain::swin_transformer/swin-tiny_16xb64_in1k.py',
]


@pytest.mark.parametrize('leaf', LEAVES)
def test_what_a_config_prints_is_read_back(leaf):
    cfg = load_config(leaf)
    found = recorded_settings(cfg.dump())
    wanted = cfg.to_dict()
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert not differences(key, found[key], value), key


def test_odd_values_are_read_back():
    values = dict(
        end=float('inf'),
        low=-1.5e-9,
        pair=(1, (2, [3])),
        keys={'a.b': dict(lr_mult=0.1), '1': None},
        text='it\'s "so"\n',
        yes=True,
    )
    cfg = Config(dict(part=values))
    found = recorded_settings(cfg.dump())['part']
    assert not differences('part', found, values)
    assert differences('part', found, values | dict(low=1.5e-9))


def test_nothing_of_the_text_is_run(tmp_path):
    marker = tmp_path / 'ran'
    text = (
        f'a = open({str(marker)!r}, "w")\n'
        f'open({str(marker)!r}, "w")\n'
        f'b = dict(c=[__import__("os").system("touch {marker}")])\n'
        'd = dict(e=1)\n'
        'f = [x for x in (1, 2)]\n'
    )
    assert recorded_settings(text) == dict(d=dict(e=1))
    assert not marker.exists()


@pytest.mark.parametrize(
    'text',
    [
        '',
        'a = (',
        'a = ' + '[' * 100_000,
        'a = ' + '-' * 100_000 + '1',
        'a' * 3_000_000,
        'a = "\0"',
        b'a = 1',
        None,
        ['a'],
    ],
    ids=range(9),
)
def test_what_is_no_such_text_has_no_settings(text):
    assert recorded_settings(text) == {}


@pytest.mark.parametrize(
    'before, now, keys',
    [
        (dict(lr=1), dict(lr=1.0), []),
        (dict(a=(1, 2)), dict(a=[1, 2]), []),
        (dict(a=None), dict(), []),
        ([dict(type='X')], dict(type='mmdet.X'), []),
        (None, [], []),
        (dict(_scope_='mmdet', a=1), dict(a=1), []),
        (dict(lr=0.1, b=dict(c=1)), dict(lr=0.2), ['k.b', 'k.lr']),
        ([dict(a=1), dict(b=2)], [dict(a=1), dict(b=3)], ['k.1.b']),
        ([1], [1, 2], ['k']),
        (dict(a=0), dict(), ['k.a']),
    ],
)
def test_differences(before, now, keys):
    assert [found.key for found in differences('k', before, now)] == keys
