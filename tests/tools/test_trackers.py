"""Experiment trackers record a run once, as it ran, and all its scalars."""

import functools
import importlib.util
import json
import os

import pytest
from command_lines import CONFIG, ROOT, run_fresh, tiny
from mmengine.config import Config
from strict_backend import FILE, recorded
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

TRACKERS = {'WandbVisBackend': 'wandb', 'MLflowVisBackend': 'mlflow'}
MISSING = {
    # Whichever of the hosts' backends is not installed here.
    kind: package
    for kind, package in {
        **TRACKERS,
        'ClearMLVisBackend': 'clearml',
        'NeptuneVisBackend': 'neptune',
    }.items()
    if importlib.util.find_spec(package) is None
}


def tracked(folder, config, kind='StrictVisBackend', **options):
    """A leaf that inherits a config and adds a tracker to its backends."""
    path = folder / 'tracked.py'
    path.write_text(
        f'_base_ = {str(config)!r}\n'
        "custom_imports = dict(imports=['cds_mm', 'strict_backend'])\n"
        'visualizer = dict(vis_backends=[\n'
        "    dict(type='LocalVisBackend'),\n"
        f'    dict(type={kind!r}, init_kwargs={options!r}),\n'
        '])\n'.replace(', init_kwargs={}', '')
    )
    return path


def read_back(work_dir):
    """The recorded config, and the names of the recorded scalars."""
    (path,) = work_dir.rglob(FILE)
    records = recorded(path)
    configs = [json.loads(r['config']) for r in records if 'config' in r]
    assert len(configs) == 1
    return configs[0], {name for r in records for name in r}


def board_of(work_dir):
    """The names of the scalars that TensorBoard has received."""
    (events,) = work_dir.rglob('events.out.tfevents.*')
    board = EventAccumulator(str(events))
    board.Reload()
    return set(board.Tags()['scalars'])


def as_recorded(cfg):
    text = json.dumps(cfg.to_dict(), sort_keys=True, default=str)
    return json.loads(text)


def assert_ran(work_dir, config, given):
    """A recorded config is the dumped one, which is the one that ran."""
    (dumped,) = work_dir.rglob(config.name)
    assert given == as_recorded(Config.fromfile(dumped))


@pytest.mark.parametrize('flag', ['--parity', '--amp'])
def test_a_classifier_with_another_config_than_the_leaf(
    flag, command, folder, tmp_path
):
    config = tracked(tmp_path, CONFIG)
    work_dir = tmp_path / 'run'
    argv = ['train', config, '--work-dir', work_dir, flag]
    command(*argv, *tiny(folder), units=['avx512_bf16']).fine()
    given, _ = read_back(work_dir)
    assert_ran(work_dir, config, given)
    kind = given['optim_wrapper'].get('type', 'OptimWrapper')
    assert (kind == 'BFloat16OptimWrapper') == (flag == '--amp')
    views = given['data_preprocessor'].get('views')
    assert bool(views) == (flag != '--parity')


class Flow:
    """Train an epoch, go on from its checkpoint, test; each in a folder."""

    def __init__(self, command, config, options, root):
        # MLflow 3 refuses its own default, a folder of files, without this.
        more = dict(
            WANDB_MODE='offline',
            WANDB_SILENT='true',
            MLFLOW_ALLOW_FILE_STORE='true',
        )
        self.config = config
        self.folders = [root / n for n in ('trained', 'resumed', 'tested')]
        first = self.folders[0] / 'epoch_1.pth'
        argvs = (
            ['train', config],
            ['train', config, '--resume', first],
            ['test', config, first],
        )
        for number, (argv, work_dir) in enumerate(
            zip(argvs, self.folders, strict=True)
        ):
            settings = options(epochs=2 if number else 1)
            argv = [*argv, '--work-dir', work_dir, *settings]
            command(*argv, **more).fine()


@pytest.fixture(
    params=['classifier', pytest.param('detector', marks=pytest.mark.slow)]
)
def flow(request, command, folder, detector_config, tmp_path):
    """``flow(kind)`` is the :class:`Flow` with a tracker of this kind."""
    if request.param == 'classifier':
        config, options = CONFIG, functools.partial(tiny, folder)
    else:
        config = detector_config

        def options(epochs):
            # A constant rate, which more epochs do not use up.
            epochs = f'train_cfg.max_epochs={epochs}'
            return ['--cfg-options', epochs, 'param_scheduler=[]']

    def run(kind='StrictVisBackend'):
        return Flow(
            command, tracked(tmp_path, config, kind), options, tmp_path
        )

    return run


def test_every_command_records_the_config_once_and_the_scalars(flow):
    ran = flow()
    score = {'coco/bbox_mAP', 'accuracy/top1'}
    for number, work_dir in enumerate(ran.folders):
        given, names = read_back(work_dir)
        assert_ran(work_dir, ran.config, given)
        assert score & names
        assert score & board_of(work_dir)
        if number < 2:
            assert names >= {'loss', 'lr', 'images_per_s'}
            assert {'loss_cds.stage1', 'loss_bbox'} & names


@pytest.mark.parametrize('kind', MISSING)
def test_a_tracker_that_is_not_installed(kind, command, folder, tmp_path):
    config = tracked(tmp_path, CONFIG, kind)
    argv = ['train', config, '--work-dir', tmp_path / 'run', *tiny(folder)]
    error = command(*argv).error
    assert f'visualizer.vis_backends[1]: {kind} cannot start' in error
    assert f'to install {MISSING[kind]}' in error
    # The other advice: take it out.
    without = 'visualizer.vis_backends.1.type=TensorboardVisBackend'
    command(*argv, without).fine()


@pytest.mark.parametrize('kind', TRACKERS)
def test_a_real_tracker(kind, flow):
    pytest.importorskip(TRACKERS[kind])
    for work_dir in flow(kind).folders:
        # Of W&B a run is a file, of MLflow a folder of files.
        found = [p for p in work_dir.rglob('*') if is_record(p)]
        assert found


def is_record(path):
    """Whether a file of W&B or MLflow holds the config and the score."""
    if path.suffix == '.wandb':
        content = path.read_bytes()
        score = b'accuracy/top1' in content or b'coco/bbox_mAP' in content
        return score and b'optim_wrapper' in content
    score = path.parent.name in ('accuracy', 'coco')
    params = path.parents[1].parent / 'params'
    return score and any(params.glob('optim_wrapper*'))


@pytest.mark.slow
def test_two_ranks_say_once_that_a_tracker_cannot_start(folder, tmp_path):
    if not MISSING:
        pytest.skip('all trackers are installed')
    config = tracked(tmp_path, CONFIG, next(iter(MISSING)))
    argv = ['tools/dist_train.sh', config, 2, '--work-dir', tmp_path / 'run']
    path = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
    result = run_fresh(*argv, *tiny(folder), PYTHONPATH=path)
    assert result.code == 1
    assert [line[:7] for line in result.err.splitlines()] == ['error: ']
