"""Curves of runs whose logs are known."""

import json

import pytest
from PIL import Image

from cds_mm.analysis.loss_curves import (
    describe,
    loss_weight,
    read_curves,
    short_names,
)
from cds_mm.analysis.scalars import epoch_means
from cds_mm.commands.plot_losses import main
from cds_mm.errors import UserError

CONFIG = """
model = dict(supervisions=dict(
    ce=dict(type='CrossEntropySupervision', weight=0.5),
    plain=dict(type='CrossEntropySupervision'),
    cds=dict(type='ContrastiveSupervision', weight=0.25),
    other=dict(type='Other'),
))
"""


def write_run(folder, losses, scores, config=CONFIG):
    """Two lines an epoch, a tenth above and below; a score each epoch."""
    lines = []
    for epoch, (loss, score) in enumerate(
        zip(losses, scores, strict=True), start=1
    ):
        for part, given in enumerate((loss + 0.1, loss - 0.1)):
            step = 2 * epoch - 1 + part
            lines.append(dict(epoch=epoch, step=step, loss_ce=given))
        lines.append({'step': epoch, 'accuracy/top1': score})
    data = folder / '20260101_000000' / 'vis_data'
    data.mkdir(parents=True)
    (data / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    if config:
        (data / 'config.py').write_text(config)
    return folder


def test_an_epoch_is_the_mean_of_its_lines():
    lines = [dict(epoch=e, a=v) for e, v in ((1, 2.0), (1, 4.0), (3, 5.0))]
    lines += [dict(step=1, a=9.0), dict(epoch=4, b=1.0)]
    assert epoch_means(lines, 'a') == ([1, 3], [3.0, 5.0], [2, 1])


def test_the_weight_of_a_loss(tmp_path):
    run = write_run(tmp_path / 'run', [1.0], [10.0])
    weights = dict(
        loss_ce=0.5, loss_plain=1.0, loss_other=None, loss=None, grad_norm=None
    )
    weights['loss_cds.stage1'] = 0.25
    assert {key: loss_weight(run, key) for key in weights} == weights
    bare = write_run(tmp_path / 'bare', [1.0], [10.0], config=None)
    assert loss_weight(bare, 'loss_ce') is None


def test_curves_are_without_the_weight(tmp_path):
    run = write_run(tmp_path / 'run', [1.0, 0.75], [10.0, 20.0])
    curves = read_curves(run, 'run', 'loss_ce', 'accuracy/top1')
    assert curves.epochs == [1, 2]
    assert curves.losses == pytest.approx([2.0, 1.5])
    assert (curves.logged, curves.weight) == (2, 0.5)
    assert (curves.validated, curves.scores) == ([1, 2], [10.0, 20.0])


@pytest.mark.parametrize(
    ('loss', 'score', 'said'),
    [
        (0.8, 25.0, 'does hold'),
        (0.7, 25.0, 'does not hold'),
        (0.8, 15.0, 'does not hold'),
    ],
)
def test_the_claim(tmp_path, loss, score, said):
    first, run = (
        read_curves(write_run(tmp_path / name, *ends), name, 'loss_ce', key)
        for key in ['accuracy/top1']
        for name, *ends in [('a', [0.75], [20.0]), ('b', [loss], [score])]
    )
    line = describe(run, first, 'loss_ce', 'accuracy/top1')
    assert line.endswith(f'"higher loss and higher score" {said}')
    assert 'hold' not in describe(first, first, 'loss_ce', 'accuracy/top1')


def test_names_without_what_is_common():
    assert short_names(['w/a/seed0', 'w/b/seed0']) == ['a', 'b']
    assert short_names(['w/a/seed0', 'w/a/seed1']) == ['seed0', 'seed1']
    names = ['a/seed0', 'a/seed1', 'b/seed0']
    assert short_names([f'w/{name}' for name in names]) == names
    assert short_names(['w/a']) == ['a']
    assert short_names(['w/a', 'w/a/b']) == ['a', 'b']


def test_the_command(tmp_path, capsys):
    runs = [
        write_run(tmp_path / f'{name}/seed{seed}', [1.0, 0.8], [10.0, 20.0])
        for name in ('a', 'b')
        for seed in range(2)
    ]
    out = tmp_path / 'new' / 'curves.png'
    main([*map(str, runs), '--out', str(out)])
    with Image.open(out) as picture:
        assert picture.format == 'PNG' and picture.width > picture.height
    said = capsys.readouterr().out
    assert (
        'a/seed0: loss_ce 1.6000 (logged with weight 0.5) in training (epoch '
        '2, mean of 2 lines of the log), accuracy/top1 20.00 (epoch 2)\n'
    ) in said
    assert 'curves.png: the curves of 4 runs' in said


@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (['--out', 'x.pdf'], 'written as .png'),
        (['--loss', 'loss_x'], 'no loss_x; choose among accuracy/top1, epoch'),
        (['--metric', 'top5'], 'no top5; choose'),
    ],
)
def test_a_slip(tmp_path, argv, words):
    run = write_run(tmp_path / 'run', [1.0], [10.0])
    out = tmp_path / 'x.png'
    with pytest.raises(UserError, match=words):
        main([str(run), '--out', str(out), *argv])
    assert not out.exists()


def test_what_is_there_is_drawn_and_the_rest_is_named(tmp_path, capsys):
    bare, good = (tmp_path / name for name in ('bare', 'good'))
    write_run(bare, [1.0, 0.8], [10.0, 20.0])
    log = bare / '20260101_000000' / 'vis_data' / 'scalars.json'
    lines = [n for n in log.read_text().splitlines() if 'accuracy' not in n]
    log.write_text('\n'.join(lines))
    write_run(good, [1.0, 0.8], [10.0, 20.0])
    (tmp_path / 'empty').mkdir()
    out = tmp_path / 'curves.png'
    folders = [bare, good, tmp_path / 'empty']
    main([*map(str, folders), '--out', str(out)])
    said = capsys.readouterr().out
    assert 'bare: loss_ce 1.6000' in said and ', no accuracy/top1\n' in said
    assert 'good: loss_ce 1.6000' in said and '20.00 (epoch 2)\n' in said
    assert 'the curves of 2 runs' in said and out.exists()
    assert f'left out: {bare}: has logged no accuracy/top1; choose' in said
    assert f'left out: {tmp_path}/empty: holds no log of a run' in said


def test_no_run(tmp_path):
    with pytest.raises(UserError, match='holds no log'):
        main([str(tmp_path), '--out', str(tmp_path / 'x.png')])
