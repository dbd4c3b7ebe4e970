"""Training on two ranks through the launcher is training on one process."""

import functools
import json
import os

import pytest
import torch
from command_lines import CONFIG, ROOT, run_fresh, tiny
from steps import weights_after

STEPS = 4  # two epochs of two
CASES = {
    'contrast': dict(model__supervisions__cds__gather=True),
    'cross_entropy': dict(
        model__supervisions__cds=None, find_unused_parameters=True
    ),
    'contrast_find_unused': dict(
        model__supervisions__cds__gather=True, find_unused_parameters=True
    ),
    'cross_entropy_plain': dict(model__supervisions__cds=None),
}
SLOW = ('contrast_find_unused', 'cross_entropy_plain')
CASE = [
    pytest.param(case, marks=pytest.mark.slow if case in SLOW else ())
    for case in CASES
]
# Another one for each process that runs these tests at the same time, below
# those that the system gives to whoever asks for any.
PORT = str(20000 + os.getpid() % 12000)


def step_by_step(folder):
    """A leaf of the default path that writes the weights of each step."""
    path = folder / 'cds_r18_cifar10_folder.py'
    path.write_text(
        f'_base_ = {CONFIG!r}\n'
        "custom_imports = dict(imports=['cds_mm', 'steps'])\n"
        'custom_hooks = [\n'
        '    *_base_.custom_hooks,\n'
        "    dict(type='FixedStatisticsHook'),\n"
        "    dict(type='SmoothHook'),\n"
        "    dict(type='StepWeightsHook'),\n"
        ']\n'
    )
    return path


@pytest.fixture(scope='module')
def runs_of(command, folder, tmp_path_factory):
    """:func:`trained` of a case, once, in whatever order cases are asked."""
    return functools.cache(
        lambda case: trained(case, command, folder, tmp_path_factory)
    )


@pytest.fixture(params=CASE)
def runs(request, runs_of):
    return runs_of(request.param)


def trained(case, command, folder, tmp_path_factory):
    """Work dirs of one process, two ranks, and two ranks that resumed."""
    root = tmp_path_factory.mktemp(case)
    config = step_by_step(root)
    one, two, resumed = (root / name for name in ('one', 'two', 'resumed'))

    def settings(batch_size):
        return tiny(
            folder,
            epochs=2,
            train_dataloader__batch_size=batch_size,
            optim_wrapper__optimizer__lr=0.01,
            **CASES[case],
        )

    def launched(work_dir):
        argv = ['tools/dist_train.sh', config, 2, '--work-dir', work_dir]
        path = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
        return run_fresh(*argv, *settings(8), PYTHONPATH=path).fine()

    def forked(work_dir, *argv):
        argv = ['--launcher', 'pytorch', '--work-dir', work_dir, *argv]
        argv = ['train', config, *argv, *settings(8)]
        return command(*argv, ranks=2, MASTER_PORT=PORT).fine()

    command('train', config, '--work-dir', one, *settings(16)).fine()
    # Once by the launcher; what ranks compute does not depend on who forks.
    first = launched if case == 'contrast' else forked
    said = [first(two), forked(resumed, '--resume', two / 'epoch_1.pth')]
    return case, one, two, resumed, said


def test_the_weights_of_each_step_are_those_of_one_process(runs):
    _, one, two, resumed, _ = runs
    start = weights_after(one, 0)
    for step in range(STEPS + 1):
        wanted = weights_after(one, step)
        for work_dir in (two, resumed):
            if work_dir == resumed and step < STEPS // 2:
                continue  # it began there
            assert_close(start, wanted, weights_after(work_dir, step), step)


def assert_close(start, wanted, got, step):
    """Equal but for rounding, as a share of how far the weights have moved.

    Of 12 runs the largest share of one tensor was 1.5e-4, of all together
    1.1e-5; gradients that the layout scrambles made 0.2 to 1.0.
    """
    assert wanted.keys() == got.keys()
    gaps, moves = (
        {name: (a[name] - b[name]).double().norm() for name in wanted}
        for a, b in ((wanted, got), (wanted, start))
    )
    for name, gap in gaps.items():
        assert gap <= 2e-3 * moves[name] + 1e-6, (step, name, gap, moves[name])
    gap, move = (
        torch.stack([*norms.values()]).norm() for norms in (gaps, moves)
    )
    assert gap <= 2e-4 * move, (step, gap, move)


def test_a_resumed_run_is_the_undisturbed_run_bit_for_bit(runs):
    _, _, two, resumed, _ = runs
    for step in range(STEPS // 2, STEPS + 1):
        wanted, got = (weights_after(d, step) for d in (two, resumed))
        for name, tensor in wanted.items():
            assert torch.equal(tensor, got[name]), (step, name)
    one, other = (
        torch.load(d / 'epoch_2.pth', weights_only=False)['optimizer']
        for d in (two, resumed)
    )
    for key, state in one['state'].items():
        theirs = other['state'][key]['momentum_buffer']
        assert torch.equal(state['momentum_buffer'], theirs), key


def test_nothing_is_said_that_should_worry(runs):
    case, _, _, _, said = runs
    for result in said:
        assert 'Fast path: channels_last' in result.out
        assert not result.warnings
        # PyTorch's, of a flag that this network could do without.
        rest = [
            line
            for line in result.err.splitlines()
            if 'did not find any unused parameters' not in line
        ]
        assert not rest
        assert 'strides' not in result.out + result.err
        over = 'over all 2 GPUs (gather=True)' in result.out
        assert over == ('contrast' in case)


def test_the_log_counts_steps_of_all_ranks(runs):
    _, _, two, _, _ = runs
    (path,) = two.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [line['iter'] for line in lines if 'loss' in line]
    assert steps == [*range(1, STEPS + 1)]
    assert 'accuracy/top1' in lines[-1]


@pytest.mark.slow
def test_testing_on_two_ranks(runs, folder, tmp_path):
    case, _, two, _, _ = runs
    argv = ['tools/dist_test.sh', CONFIG, two / 'epoch_2.pth', 2]
    argv += ['--out', tmp_path / 'm.json', '--out-item', 'metrics']
    argv += ['--work-dir', tmp_path, *tiny(folder, **CASES[case])]
    run_fresh(*argv, PORT=PORT).fine()
    metrics = json.loads((tmp_path / 'm.json').read_text())
    (path,) = two.glob('*/vis_data/scalars.json')
    trained = json.loads(path.read_text().splitlines()[-1])['accuracy/top1']
    assert metrics['accuracy/top1'] == pytest.approx(trained)


@pytest.mark.slow
def test_a_parameter_that_no_loss_reaches(command, folder, tmp_path):
    argv = ['train', CONFIG, '--launcher', 'pytorch', '--work-dir', tmp_path]
    argv += tiny(folder, model__supervisions__ce=None)
    result = command(*argv, ranks=2, MASTER_PORT=PORT)
    assert result.code == 1
    (line,) = {x for x in result.err.splitlines() if 'error: ' in x}
    assert line.endswith(
        'model.head.fc.weight and 1 more: no loss reaches it, so that the '
        'ranks would wait for its gradient; set find_unused_parameters=True'
    )
    argv.append('find_unused_parameters=True')
    command(*argv, ranks=2, MASTER_PORT=PORT).fine()
