"""The command lines from training to evaluation, as a user runs them."""

import json
import os
import re
import shutil
import socket
import stat
import sys

import pytest
import torch
from command_lines import CONFIG, ROOT, run_fresh, tiny
from mmengine.config import Config
from mmengine.runner import Runner
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from cds_mm import optim_wrapper
from cds_mm.hooks.sample_seed import SIBLINGS

# Another one for each process that runs these tests at the same time, below
# those that the system gives to whoever asks for any.
PORT = str(20000 + os.getpid() % 12000)
TERMS = [
    'lr',
    'loss',
    'loss_ce',
    'loss_cds.stage1',
    'loss_cds.stage2',
    'loss_cds.stage3',
    'loss_cds.stage4',
    'images_per_s',
    'waiting_for_data',
]


@pytest.fixture(scope='module')
def run(command, folder, tmp_path_factory):
    """The work dir of two epochs, and what was said meanwhile."""
    work_dir = tmp_path_factory.mktemp('run')
    argv = ['train', CONFIG, '--work-dir', work_dir, *tiny(folder, epochs=2)]
    return work_dir, command(*argv).fine()


def weights(path):
    return torch.load(path, weights_only=False)['state_dict']


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def records(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_config_that_is_recorded_is_the_one_that_ran(run):
    work_dir, result = run
    assert 'Fast path: on the device, in batches: HorizontalFlip' in result.out
    (dumped,) = work_dir.glob('*.py')
    meta = torch.load(work_dir / 'epoch_2.pth', weights_only=False)['meta']
    (beside_scalars,) = work_dir.glob('*/vis_data/config.py')
    for text in (dumped.read_text(), beside_scalars.read_text(), meta['cfg']):
        cfg = Config.fromstring(text, '.py')
        pipeline = cfg.train_dataloader.dataset.pipeline
        assert pipeline[-1].type == 'PackChannelsLast'
        first, second = cfg.data_preprocessor.views
        assert [s.type for s in first] == ['HorizontalFlip', 'ClippedCutout']
        assert 'RGBColorJitter' in [s.type for s in second]
        assert cfg.model.memory_format == 'channels_last'


@pytest.mark.parametrize('flag', ['--amp', '--parity', None])
def test_the_dumped_config_gives_the_same_weights_in_any_launcher(
    flag, run, command, folder, tmp_path, monkeypatch
):
    work_dir = run[0]
    if flag:
        work_dir = tmp_path / 'flag'
        argv = [CONFIG, flag, '--work-dir', work_dir, *tiny(folder, epochs=2)]
        command('train', *argv, units=['avx512_bf16']).fine()
    (dumped,) = work_dir.glob('*.py')
    cfg = Config.fromfile(dumped)
    cfg.work_dir = str(tmp_path / 'other')
    monkeypatch.setattr(optim_wrapper, 'bfloat16_units', lambda: 'made up')
    Runner.from_cfg(cfg).train()
    assert_same(
        weights(work_dir / 'epoch_2.pth'),
        weights(tmp_path / 'other' / 'epoch_2.pth'),
    )


def test_a_config_that_an_earlier_version_dumped(run, tmp_path):
    """Then ``import cds_mm`` registered everything, and one hook seeded."""
    work_dir, _ = run
    (dumped,) = work_dir.glob('*.py')
    text = dumped.read_text()
    assert text.count("'cds_mm.registration'") == 1
    old = tmp_path / 'old.py'
    text = text.replace("'cds_mm.registration'", "'cds_mm'")
    for name in SIBLINGS:
        text, found = re.subn(rf"\s*dict\(type='{name}'\),", '', text)
        assert found == 1
    old.write_text(text)
    argv = [sys.executable, 'tools/train.py', old]
    run_fresh(*argv, '--work-dir', tmp_path / 'run').fine()
    assert_same(
        weights(work_dir / 'epoch_2.pth'),
        weights(tmp_path / 'run' / 'epoch_2.pth'),
    )


def test_parity_of_the_dumped_config_is_that_of_its_leaf(
    run, command, folder, tmp_path
):
    (dumped,) = run[0].glob('*.py')
    options = tiny(folder, epochs=1)
    for name, config in (('leaf', CONFIG), ('dumped', dumped)):
        argv = [config, '--parity', '--work-dir', tmp_path / name, *options]
        assert 'Fast path: off' in command('train', *argv).fine().out
    assert_same(
        *(weights(tmp_path / n / 'epoch_1.pth') for n in ('leaf', 'dumped'))
    )


@pytest.mark.parametrize('units', [[], ['avx512_bf16', 'amx_bf16']])
def test_units_that_were_not_asked_for_change_nothing(
    run, command, folder, tmp_path, units
):
    work_dir, _ = run
    argv = ['train', CONFIG, '--work-dir', tmp_path, *tiny(folder, epochs=2)]
    result = command(*argv, units=units).fine()
    assert ('amx_bf16); --amp uses them' in result.out) == bool(units)
    assert_same(
        weights(work_dir / 'epoch_2.pth'), weights(tmp_path / 'epoch_2.pth')
    )


def test_parity_goes_on_from_a_fast_run_and_warns(
    run, command, folder, tmp_path
):
    work_dir, _ = run
    argv = ['train', CONFIG, '--parity', '--work-dir', tmp_path]
    argv += ['--resume', work_dir / 'epoch_1.pth', *tiny(folder, epochs=2)]
    result = command(*argv).fine()
    assert 'Fast path: off' in result.out
    assert 'resumed with another fast path than before' in result.out
    straight, other = (d / 'epoch_2.pth' for d in (work_dir, tmp_path))
    names = weights(straight).keys()
    assert weights(other).keys() == names
    # Other pictures: the weights have gone elsewhere.
    assert any(
        not torch.equal(weights(straight)[n], weights(other)[n]) for n in names
    )


def test_the_local_backend_and_tensorboard_receive_the_scalars(run):
    work_dir, _ = run
    steps = [r for r in records(work_dir) if 'loss' in r]
    assert len(steps) == 8
    for step in steps:
        assert set(TERMS) <= step.keys()
        terms = [v for k, v in step.items() if k.startswith('loss_')]
        assert step['loss'] == pytest.approx(sum(terms), rel=1e-5)
    (events,) = work_dir.glob('*/vis_data/events.out.tfevents.*')
    board = EventAccumulator(str(events))
    board.Reload()
    assert {*TERMS, 'accuracy/top1'} <= set(board.Tags()['scalars'])
    shown = [event.value for event in board.Scalars('loss_cds.stage2')]
    assert shown == pytest.approx([s['loss_cds.stage2'] for s in steps])


def test_plain_lines_say_what_a_run_costs(run):
    _, result = run
    assert not result.err, 'no bar and no warnings'
    (line,) = [x for x in result.out.splitlines() if '[2][4/4]' in x]
    for word in ('images_per_s', 'waiting_for_data', 'rss_mb', 'eta'):
        assert f'{word}: ' in line
    assert not result.warnings and 'OneDL' not in result.out
    assert 'contrast x 0.1 of 2 views on all branches' in result.out


def test_testing_writes_the_metrics(run, command, folder, tmp_path):
    work_dir, trained = run
    out = tmp_path / 'metrics.json'
    argv = ['--out', out, '--out-item', 'metrics', '--work-dir', tmp_path]
    checkpoint = work_dir / 'epoch_2.pth'
    command('test', CONFIG, checkpoint, *argv, *tiny(folder)).fine()
    metrics = json.loads(out.read_text())
    assert metrics['accuracy/top1'] == records(work_dir)[-1]['accuracy/top1']


def test_testing_writes_and_paints_predictions(run, command, folder, tmp_path):
    work_dir, _ = run
    out = tmp_path / 'predictions.pkl'
    argv = ['--out', out, '--show-dir', tmp_path / 'shown', '--amp']
    argv += ['--interval', '5', '--work-dir', tmp_path]
    checkpoint = work_dir / 'epoch_2.pth'
    argv = ['test', CONFIG, checkpoint, *argv, *tiny(folder)]
    command(*argv, units=['avx512_bf16']).fine()
    assert out.stat().st_size > 1000
    assert len(list((tmp_path / 'shown').rglob('*.*'))) == 4  # of 16


def test_resume_from_a_file_and_in_a_moved_folder(
    run, command, folder, tmp_path
):
    work_dir, _ = run
    moved = tmp_path / 'moved'
    moved.mkdir()
    (moved / 'epoch_1.pth').write_bytes(
        (work_dir / 'epoch_1.pth').read_bytes()
    )
    # The host follows it; it leads to where the folder was.
    (moved / 'last_checkpoint').write_text('/nowhere/epoch_1.pth')
    command(
        'train',
        CONFIG,
        '--resume',
        '--work-dir',
        moved,
        *tiny(folder, epochs=2),
    ).fine()
    straight = weights(work_dir / 'epoch_2.pth')
    assert_same(straight, weights(moved / 'epoch_2.pth'))
    argv = ['--resume', '--work-dir', moved, *tiny(folder, epochs=2)]
    last = command('train', CONFIG, *argv).fine().out.splitlines()[-1]
    assert last.endswith(
        'nothing left to train: epoch_2.pth has all 2 epochs; raise '
        'train_cfg.max_epochs to go on'
    )
    other = tmp_path / 'other'
    argv = ['--resume', work_dir / 'epoch_1.pth', '--work-dir', other]
    command('train', CONFIG, *argv, *tiny(folder, epochs=2)).fine()
    assert_same(straight, weights(other / 'epoch_2.pth'))


def test_amp_scaled_lr_no_validation_and_settings(
    run, command, folder, tmp_path
):
    argv = ['--amp', '--auto-scale-lr', '--no-validate']
    settings = tiny(folder, optim_wrapper__optimizer__lr=0.2)
    argv = [CONFIG, *argv, '--work-dir', tmp_path, *settings]
    result = command('train', *argv, units=['avx512_bf16']).fine()
    first, *_ = steps = records(tmp_path)
    # 0.2 is for 128 images, and there are 8.
    assert first['lr'] == pytest.approx(0.2 * 8 / 128)
    assert not any('accuracy/top1' in step for step in steps)
    assert "type='BFloat16OptimWrapper'" in result.out
    full = records(run[0])[0]
    assert first['loss_ce'] == pytest.approx(full['loss_ce'], rel=0.05)
    assert first['loss_ce'] != full['loss_ce']
    assert 'Fast path: bfloat16 autocast' in result.out


@pytest.mark.parametrize('tool', ['train', 'test'])
def test_amp_without_units_is_refused(tool, run, command, folder, tmp_path):
    argv = [CONFIG] + [run[0] / 'epoch_1.pth'] * (tool == 'test')
    argv += ['--amp', '--work-dir', tmp_path, *tiny(folder)]
    error = command(tool, *argv, units=['avx2']).error
    assert '--amp: this machine has no bfloat16 units' in error
    half = dict(
        train='optim_wrapper.type=AmpOptimWrapper', test='test_cfg.fp16=True'
    )
    assert f'for float16 on a GPU set {half[tool]}' in error


def test_scaling_needs_to_know_the_batch(command, folder, tmp_path):
    argv = [CONFIG, '--auto-scale-lr', '--work-dir', tmp_path, *tiny(folder)]
    error = command('train', *argv, 'auto_scale_lr.base_batch_size=0').error
    assert 'set auto_scale_lr.base_batch_size' in error


def test_configs_of_the_hosts(command, tmp_path):
    config = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
    error = command('train', config, '--work-dir', tmp_path).error
    assert 'data/coco/annotations/instances_train2017.json' in error


@pytest.mark.slow
def test_a_slip_on_two_ranks_is_said_once(folder, tmp_path):
    settings = tiny(folder, model__head__in_channels=512)
    argv = ['tools/dist_train.sh', CONFIG, 2, '--work-dir', tmp_path]
    result = run_fresh(*argv, *settings, PORT=PORT)
    assert result.code == 1
    said = [x for x in result.err.splitlines() if x.startswith('error: ')]
    assert len(said) == 1 and 'in_channels=64' in said[0]
    assert 'Traceback' not in result.err


def test_a_rank_that_is_killed(tmp_path):
    script = tmp_path / 'dies.py'
    script.write_text('import os; os.kill(os.getpid(), 9)')
    launcher = ['tools/torchrun.py', '--nproc_per_node=1', '--standalone']
    result = run_fresh(sys.executable, *launcher, script)
    assert result.code == 128 + 9
    assert result.err.startswith('error: rank 0 was ended by SIGKILL')
    assert len(result.err.splitlines()) == 1


def test_one_machine_finds_a_port_by_itself():
    def said(**env):
        argv = ['tools/torchrun.sh', 2, 'train.py', '--amp']
        return run_fresh(*argv, PYTHON='echo', **env).fine().out.split()[1:-1]

    ranks = ['--nproc_per_node=2', str(ROOT / 'tools/train.py')]
    assert said() == ['--standalone', *ranks]
    place = '--nnodes=1 --node_rank=0 --master_addr=127.0.0.1'
    assert said(PORT='1') == [*place.split(), '--master_port=1', *ranks]
    place = '--nnodes=2 --node_rank=1 --master_addr=first'
    several = dict(NNODES='2', NODE_RANK='1', MASTER_ADDR='first')
    assert said(**several) == [*place.split(), '--master_port=29500', *ranks]


def test_a_port_that_is_taken():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        argv = ['tools/torchrun.sh', 1, 'train.py', CONFIG]
        result = run_fresh(*argv, PORT=str(port))
    assert result.code == 1 and 'Traceback' not in result.err
    assert f'error: port {port} is taken' in result.err


def test_slurm_gets_the_right_command(tmp_path):
    fake = tmp_path / 'srun'
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    path = f'{tmp_path}:{os.environ["PATH"]}'
    argv = ['part', 'job', 'config.py', 'work', '--amp', '--resume', 'auto']
    env = dict(PATH=path, GPUS='4', GPUS_PER_NODE='2', SRUN_ARGS='-x bad')
    result = run_fresh('tools/slurm_train.sh', *argv, **env).fine()
    words = result.out.split()
    python = words.index('-u') - 1
    assert words[:python] == [
        '-p',
        'part',
        '--job-name=job',
        '--gres=gpu:2',
        '--ntasks=4',
        '--ntasks-per-node=2',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        '-x',
        'bad',
    ]
    assert words[python + 1 :] == [
        '-u',
        str(ROOT / 'tools/train.py'),
        'config.py',
        '--work-dir',
        'work',
        '--launcher',
        'slurm',
        '--amp',
        '--resume',
        'auto',
    ]


@pytest.mark.parametrize('argv', [[], ['--help']])
@pytest.mark.parametrize(
    'script', ['dist_train', 'dist_test', 'slurm_train', 'torchrun']
)
def test_a_script_says_how_it_is_called(script, argv):
    result = run_fresh(f'tools/{script}.sh', *argv)
    assert result.code == 1
    assert f'tools/{script}.sh' in result.err.splitlines()[0]


def test_an_evaluation_leaves_the_config_of_the_training(
    run, command, folder, tmp_path
):
    # It writes beside the training, which others read.
    work_dir = shutil.copytree(run[0], tmp_path / 'work')
    kept = work_dir / CONFIG.rpartition('/')[2]
    before = kept.read_text()
    argv = ['test', CONFIG, work_dir / 'epoch_2.pth', '--work-dir', work_dir]
    command(*argv, *tiny(folder, train_cfg__max_epochs=7)).fine()
    assert kept.read_text() == before
