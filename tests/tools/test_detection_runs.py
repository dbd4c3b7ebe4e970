"""The same command lines for a detector: resume, flips, an AP of 0."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)


@pytest.fixture(scope='module')
def faster_metric():
    """For tests of FasterCocoMetric, which the onedl-* packages have."""
    metrics = pytest.importorskip('mmdet.evaluation.metrics')
    if not hasattr(metrics, 'FasterCocoMetric'):
        pytest.skip('the original MMDetection has no FasterCocoMetric')


@pytest.fixture(scope='module')
def run(command, detector_config, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('detector')
    result = command('train', detector_config, '--work-dir', work_dir).fine()
    return work_dir, result


@pytest.fixture(scope='module')
def tested(run, command, detector_config, tmp_path_factory):
    """Where the metrics and the painted predictions of the run are."""
    work_dir, _ = run
    folder = tmp_path_factory.mktemp('tested')
    argv = ['--out', folder / 'm.json', '--out-item', 'metrics']
    argv += ['--show-dir', folder / 'shown', '--work-dir', folder]
    command('test', detector_config, work_dir / 'epoch_2.pth', *argv).fine()
    return folder


def test_no_detection_is_an_ap_of_0(run, tested):
    _, result = run
    assert 'Not one detection in the whole data set' in result.out
    metrics = json.loads((tested / 'm.json').read_text())
    assert metrics['coco/bbox_mAP'] == metrics['coco/bbox_mAP_50'] == 0


def test_the_faster_metric_says_the_same(
    faster_metric, run, command, detector_config, tmp_path
):
    pytest.importorskip('faster_coco_eval')
    work_dir, _ = run
    seen = []
    for metric in ('CocoMetric', 'FasterCocoMetric'):
        out = tmp_path / f'{metric}.json'
        argv = ['--out', out, '--out-item', 'metrics', '--work-dir', tmp_path]
        argv += ['--cfg-options', f'test_evaluator.type={metric}']
        argv += ['model.test_cfg.score_thr=0.0']
        command(
            'test', detector_config, work_dir / 'epoch_2.pth', *argv
        ).fine()
        seen.append(json.loads(out.read_text()))
    # Rounded to three places by the host, once to either side at a tie.
    assert seen[0] == pytest.approx(seen[1], abs=0.0011)
    assert set(seen[0]) >= {'coco/bbox_mAP', 'coco/bbox_mAP_l'}


def test_the_faster_metric_is_looked_at_before_a_run(
    faster_metric, command, detector_config
):
    argv = ['--cfg-options', 'val_evaluator.type=FasterCocoMetric']
    error = command(
        'train', detector_config, *argv, 'val_evaluator.ann_file='
    ).error
    assert 'val_evaluator.type=FasterCocoMetric: ' in error


def test_it_says_what_matters_and_no_more(run):
    _, result = run
    assert not result.err
    for noise in ('OneDL', 'loading annotations', 'FileClient', 'NMS'):
        assert noise not in result.out
    (line,) = [x for x in result.out.splitlines() if '[2][2/2]  ' in x][:1]
    for word in ('images_per_s', 'waiting_for_data', 'loss_bbox', 'eta'):
        assert f'{word}: ' in line


def test_tensorboard_receives_the_scalars(run):
    work_dir, _ = run
    (events,) = work_dir.glob('*/vis_data/events.out.tfevents.*')
    board = EventAccumulator(str(events))
    board.Reload()
    wanted = {'loss', 'loss_cls', 'lr', 'images_per_s', 'coco/bbox_mAP'}
    assert wanted <= set(board.Tags()['scalars'])
    assert len(board.Scalars('loss')) == 4


def test_resumed_it_is_the_same_run(run, command, detector_config, tmp_path):
    # No seed is given: the checkpoint has to bring it to the new process.
    work_dir, _ = run
    first = work_dir / 'epoch_1.pth'
    argv = ['--resume', first, '--work-dir', tmp_path]
    command('train', detector_config, *argv).fine()
    straight, resumed = (
        torch.load(folder / 'epoch_2.pth', weights_only=False)
        for folder in (work_dir, tmp_path)
    )
    for name, tensor in straight['state_dict'].items():
        assert torch.equal(tensor, resumed['state_dict'][name]), name
    for key, state in straight['optimizer']['state'].items():
        other = resumed['optimizer']['state'][key]
        assert torch.equal(state['exp_avg'], other['exp_avg']), key
    begun = torch.load(first, weights_only=False)['state_dict']
    assert any(
        not torch.equal(begun[name], tensor)
        for name, tensor in straight['state_dict'].items()
    )


def test_paints(tested):
    assert len(list(tested.rglob('shown/**/*.png'))) == 4


@pytest.mark.parametrize(
    'gone', [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_a_broken_image_is_named(gone, command, detector_config, tmp_path):
    broken = detector_config.parent / 'train' / '3.png'
    whole = broken.read_bytes()
    if gone:
        broken.unlink()
    else:
        broken.write_bytes(b'no image')
    try:
        argv = ['train', detector_config, '--work-dir', tmp_path]
        assert str(broken) in command(*argv).error
    finally:
        broken.write_bytes(whole)
