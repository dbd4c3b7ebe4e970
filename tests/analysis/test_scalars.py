"""Reading back the logs of runs, whole and resumed."""

import json
import os
from datetime import datetime

import pytest

from cds_mm.analysis.scalars import (
    curve,
    last,
    scalars,
    score,
    wall_seconds,
)
from cds_mm.errors import UserError


def write_log(folder, name, lines, seconds=0, tail=''):
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(line) for line in lines) + tail)
    start = datetime.strptime(name, '%Y%m%d_%H%M%S').timestamp()
    os.utime(path, (start + seconds, start + seconds))


def train(epoch, step, loss):
    return dict(epoch=epoch, step=step, loss=loss)


def val(epoch, top1):
    return dict(step=epoch, top1=top1)


def test_a_run_in_one_piece(tmp_path):
    lines = [train(1, 5, 2.0), val(1, 10.0), train(2, 10, 1.0), val(2, 20.0)]
    write_log(tmp_path, '20260101_000000', lines)
    assert scalars(tmp_path) == lines
    assert curve(scalars(tmp_path), 'top1') == ([1, 2], [10.0, 20.0])


def test_what_a_resumed_run_repeats_is_left_out(tmp_path):
    first = [train(1, 5, 2.0), val(1, 10.0), train(2, 8, 1.5)]
    # Cut off in the middle of a line, in the middle of epoch 2.
    write_log(tmp_path, '20260101_000000', first, 60, tail='\n{"epo')
    second = [train(2, 8, 1.5), train(2, 10, 1.0), val(2, 20.0)]
    write_log(tmp_path, '20260101_010000', second, 30)
    assert curve(scalars(tmp_path), 'loss') == ([5, 8, 10], [2.0, 1.5, 1.0])
    assert curve(scalars(tmp_path), 'top1') == ([1, 2], [10.0, 20.0])
    assert wall_seconds(tmp_path) == pytest.approx(90)


def test_no_log(tmp_path):
    with pytest.raises(UserError, match='holds no log'):
        scalars(tmp_path)
    assert wall_seconds(tmp_path) == 0


def test_the_score_of_a_run(tmp_path):
    lines = [train(1, 5, 2.0), {'step': 1, 'accuracy/top1': 41.26}]
    write_log(tmp_path / 'a', '20260101_000000', lines)
    assert last(lines, 'loss') == 2.0
    assert score(tmp_path / 'a') == 'top-1 41.3 %'
    write_log(
        tmp_path / 'b',
        '20260101_000000',
        [dict(step=1, **{'coco/bbox_mAP': 0.25})],
    )
    assert score(tmp_path / 'b') == 'AP 0.250'
    write_log(tmp_path / 'c', '20260101_000000', [train(1, 5, 2.0)])
    assert score(tmp_path / 'c') is None
