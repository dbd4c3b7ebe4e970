"""What a user gets wrong costs one line, exit code 1, and no half a file."""

import os
import pickle
import resource
import shutil
import sys

import pytest
import torch
from command_lines import CONFIG, ROOT, run_fresh, tiny

DETECTION = str(ROOT / 'configs/demo/retinanet_r18_fpn_digits.py')


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the images, to be spoilt."""
    return shutil.copytree(folder, tmp_path / 'copy')


@pytest.fixture
def train(command, folder, tmp_path):
    def run(*argv, data=folder, config=CONFIG, **settings):
        work_dir = tmp_path / 'work'
        return command(
            'train',
            config,
            '--work-dir',
            work_dir,
            *tiny(data, **settings),
            *argv,
        )

    return run


@pytest.fixture(scope='module')
def trained(command, folder, tmp_path_factory):
    """The checkpoint of one epoch."""
    work_dir = tmp_path_factory.mktemp('trained')
    command('train', CONFIG, '--work-dir', work_dir, *tiny(folder)).fine()
    return work_dir / 'epoch_1.pth'


def test_data_folders(train, copy, tmp_path):
    gone = tmp_path / 'gone'
    error = train(data=gone).error
    assert f'{gone}/train: no such folder' in error and 'data_root' in error
    assert not (tmp_path / 'work').exists(), 'nothing half-written'
    (gone / 'train').mkdir(parents=True)
    (gone / 'test').mkdir()
    assert f'{gone}/train: holds no image' in train(data=gone).error
    assert not (tmp_path / 'work').exists(), 'as little for an empty one'
    (copy / 'train' / 'empty').mkdir()
    error = train(data=copy).error
    assert "class folder 'empty'" in error and 'fill or remove it' in error
    (copy / 'train' / 'empty').rmdir()
    (copy / 'train' / 'd').rename(copy / 'train' / 'e')
    error = train(data=copy).error
    assert 'training has 4 classes' in error and "'d'" in error
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.parametrize('workers', [0, 2])
def test_a_broken_image(train, copy, workers):
    broken = copy / 'train' / 'b' / '003.jpg'
    if workers:
        broken.write_bytes(broken.read_bytes()[:200])
    else:
        broken.write_text('no image at all')
    error = train(data=copy, train_dataloader__num_workers=workers).error
    assert error.startswith(f'error: {broken}: not a whole image')
    assert "on_error='skip'" in error


@pytest.mark.slow
def test_a_broken_image_can_be_skipped_and_counted(train, copy):
    broken = copy / 'train' / 'b' / '003.jpg'
    broken.write_bytes(broken.read_bytes()[:200])
    skip = {'train_dataloader__dataset__pipeline__0__on_error': 'skip'}
    result = train(data=copy, **skip).fine()
    assert '1 of the images could not be read' in result.out


def test_labels_outside_of_the_head(train):
    error = train(model__head__num_classes=3).error
    assert 'label 3 does not fit a head of 3 classes' in error
    assert 'set model.head.num_classes=4' in error


def test_a_head_of_another_width(train):
    error = train(model__head__in_channels=512).error
    assert 'set model.head.in_channels=64' in error
    error = train(model__neck=None).error
    fix = "dict(type='GlobalAveragePooling')"
    assert error.endswith(f'backbone gives maps; set model.neck={fix}')
    train(model__neck=fix).fine()


@pytest.mark.slow
def test_top_5_of_four_classes(train):
    error = train(val_evaluator__topk='"(1,5)"').error
    assert 'there are 4 classes; set val_evaluator.topk=1' in error


def test_one_view_where_two_are_needed(train, tmp_path):
    """Before the first step, with the line to paste, which then trains."""
    config = tmp_path / 'one_view.py'
    text = (
        f"_base_ = ['{CONFIG}']\n"
        'train_dataloader = dict(dataset=dict(pipeline=_base_.one_view))\n'
        'data_preprocessor = _base_.one_view_on_device\n'
    )
    config.write_text(text)
    pasted = tmp_path / 'pasted.py'
    start = f"_base_ = ['{config}']\n"
    pasted.write_text(start)
    error = train(config=pasted).error
    said, _, line = error.partition('add to the config: ')
    assert said == (
        'error: train_dataloader.dataset.pipeline: supervision cds needs 2 '
        'views of each image, the data gives 1; '
    )
    pasted.write_text(start + '\n'.join(line.split('; ')))
    assert 'loss_cds.stage1' in train(config=pasted).fine().out


def test_a_stage_that_is_not_there(train):
    tap = {'model__branches__stage4__tap': 'stage7'}
    error = train(**tap).error
    assert error == (
        'error: branch on stage7: the backbone gives stage1, stage2, stage3, '
        "stage4; name one of these, or widen the backbone's out_indices, or "
        'take the branch away with model.branches.stage4=None'
    )
    error = train(model__backbone__out_indices='"(0,9)"').error
    assert error == (
        f'error: config {CONFIG}: model.backbone cannot be built '
        '(assert max(out_indices) < num_stages); fix the settings of '
        'model.backbone (CDS_MM_DEBUG=1 shows where)'
    )


@pytest.mark.parametrize(
    'setting, said',
    [
        (dict(model__backbone__type='ResNett'), "type='ResNett'"),
        (dict(model__backbone__depthh=3), "'depthh'"),
        (dict(optim_wrapper__optimizer__type='SGDD'), "type='SGDD'"),
        pytest.param(
            dict(param_scheduler__type='NoLR'),
            "type='NoLR'",
            marks=pytest.mark.slow,
        ),
        (dict(train_dataloader__batch_size=0), 'batch_size=0'),
        (dict(model__head__num_classes__x=1), 'model.head.num_classes.x'),
    ],
)
def test_a_slip_in_the_config(train, setting, said):
    assert said in train(**setting).error


def test_slips_on_the_command_line(command, train):
    assert 'no such file' in command('train', 'configs/nope.py').error
    error = command('train', 'mmdet::retinanet/nope.py').error
    assert 'mmdet::retinanet/nope.py: cannot be read' in error
    assert 'no value; write key=value' in train('--cfg-options', 'foo').error


def test_nothing_to_resume(train, tmp_path):
    error = train('--resume').error
    assert 'there is no checkpoint in' in error and 'without' in error
    (tmp_path / 'work').mkdir(exist_ok=True)
    (tmp_path / 'work' / 'last_checkpoint').touch()
    assert 'there is no checkpoint in' in train('--resume').error
    error = train('--resume', tmp_path / 'gone.pth').error
    assert 'gone.pth: no such file' in error


@pytest.mark.slow
def test_a_loss_that_is_no_number(train, tmp_path):
    result = train('optim_wrapper.optimizer.lr=1e30', train_cfg__max_epochs=2)
    assert 'the loss is not finite at epoch 1, iteration 2' in result.error
    assert 'loss_ce nan' in result.error
    assert not list(tmp_path.rglob('*.pth'))


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def spoilt_checkpoints(good, folder):
    content = good.read_bytes()
    whole = torch.load(good, weights_only=False)
    names = list(whole['state_dict'])

    def saved(name, **changes):
        path = folder / name
        torch.save({**whole, **changes}, path)
        return path

    half = {n: whole['state_dict'][n] for n in names[: len(names) // 2]}
    (folder / 'cut.pth').write_bytes(content[: len(content) // 2])
    (folder / 'empty.pth').touch()
    code = f'import os; os.mkdir({str(folder / "ran")!r})'
    yield folder / 'cut.pth', 'truncated'
    yield folder / 'empty.pth', 'empty'
    yield saved('half.pth', state_dict=half), 'are not in it'
    yield saved('evil.pth', meta=Payload(folder / 'ran')), 'refused'
    evil = dict(whole['meta'], config=code)
    yield saved('meta.pth', meta=evil), "meta['config']"


def test_checkpoints_that_are_none(command, folder, trained, tmp_path):
    for path, said in spoilt_checkpoints(trained, tmp_path):
        for argv in (
            ['train', CONFIG, *tiny(folder, epochs=2), '--resume', path],
            ['test', CONFIG, path, *tiny(folder)],
        ):
            # Only resuming would run its `config`; the others are checked
            # by the same function.
            resumed = path.name in ('meta.pth', 'evil.pth')
            if resumed != (argv[0] == 'train'):
                continue
            error = command(*argv, '--work-dir', tmp_path / 'work').error
            assert str(path) in error and said in error
            assert '--trust' not in error, 'neither tool has it'
    assert not (tmp_path / 'ran').exists(), 'nothing was run'
    assert not (tmp_path / 'work' / 'epoch_2.pth').exists()


def test_a_payload_in_the_old_format(command, folder, tmp_path):
    path = tmp_path / 'evil.pth'
    path.write_bytes(pickle.dumps(dict(state_dict=Payload(tmp_path / 'ran'))))
    argv = [CONFIG, path, '--work-dir', tmp_path / 'work', *tiny(folder)]
    error = command('test', *argv).error
    assert str(path) in error and 'mkdir' in error
    assert not (tmp_path / 'work').exists()
    assert not (tmp_path / 'ran').exists()


@pytest.mark.slow
def test_a_checkpoint_of_another_network(command, folder, trained, tmp_path):
    wider = tiny(
        folder,
        model__backbone__base_channels=16,
        model__head__in_channels=128,
    )
    work_dir = ['--work-dir', tmp_path]
    error = command('test', CONFIG, trained, *wider, *work_dir).error
    assert f'{trained}: backbone.' in error and 'in the model' in error
    error = command(
        'train', CONFIG, *wider, f'load_from={trained}', *work_dir
    ).error
    assert f'{trained}: backbone.' in error


@pytest.mark.parametrize(
    'where', ['file', pytest.param('proc', marks=pytest.mark.slow)]
)
def test_an_unwritable_target(command, folder, trained, tmp_path, where):
    # Root may write anywhere but here.
    (tmp_path / 'file').touch()
    target = tmp_path / 'file' / 'x' if where == 'file' else '/proc/x'
    argv = ['--work-dir', target, *tiny(folder)]
    error = command('train', CONFIG, *argv).error
    assert f'{target}: cannot be written to' in error
    assert 'choose another place with --work-dir' in error
    out = ['--out', f'{target}/m.json', '--out-item', 'metrics']
    work_dir = ['--work-dir', tmp_path / 'work']
    argv = [CONFIG, trained, *out, *work_dir, *tiny(folder)]
    error = command('test', *argv).error
    assert f'{target}: cannot be written to' in error and '--out' in error


def test_the_names_of_outputs(command, folder, trained, tmp_path):
    work_dir = tmp_path / 'work'
    argv = ['test', CONFIG, trained, '--work-dir', work_dir, *tiny(folder)]
    assert command(*argv, '--out', 'm.json').error == (
        'error: --out m.json: predictions (metrics with --out-item metrics) '
        'are written as .pkl, .pickle; name it so'
    )
    assert command(*argv, '--out-item', 'pred').error == (
        'error: --out-item: no file to write to; give --out FILE'
    )
    assert not work_dir.exists()


@pytest.mark.parametrize(
    'tool, argv, out',
    [
        ('browse_views', [CONFIG], 'x.xyz'),
        ('browse_views', [CONFIG], 'folder/x'),
        ('browse_views', [CONFIG], 'folder'),
        ('plot_losses', ['nowhere'], 'x.pdf'),
        ('check_data', [CONFIG], 'folder'),
    ],
)
def test_an_output_that_cannot_be_is_known_first(
    command, tmp_path, tool, argv, out
):
    (tmp_path / 'folder').mkdir()
    # The data are not there, and would be the next thing to be missed.
    error = command(tool, *argv, '--out', tmp_path / out).error
    assert error.startswith(('error: --out', f'error: {tmp_path}/folder: is'))
    assert str(tmp_path / out) in error


def test_a_resumed_run_is_refused_before_it_is_warned(train, trained):
    result = train('--resume', trained, model__head__num_classes=6)
    assert 'head.fc.weight is (4, 64) there and (6, 64)' in result.error
    assert 'takes effect' not in result.out


def test_class_folders_one_folder_too_deep(train, command, copy, tmp_path):
    (copy / 'deep').mkdir()
    (copy / 'train').rename(copy / 'deep' / 'images')
    key = 'train_dataloader.dataset'
    error = train(f'{key}.split=deep', data=copy).error
    assert "'images', which holds 4 folders of images (a, b, c, ...)" in error
    setting = error.rpartition('set ')[2]
    assert setting == f'{key}.data_prefix=deep/images'
    data = [f'{key}.data_root={copy}', f'{key}.split=deep']
    argv = [CONFIG, '--splits', 'train', '--cfg-options', *data]
    assert setting in command('check_data', *argv).error
    train(setting, data=copy).fine()


def test_class_folders_whose_names_are_no_text(train, copy):
    for split in ('train', 'test'):
        os.rename(copy / split / 'd', bytes(copy / split) + b'/d\xe9')
    done = train(data=copy).fine()
    assert not done.err
    assert '4 classes of 8 (a) to 8 (a)' in done.out


def test_a_full_disk(command, folder, trained, tmp_path):
    work_dir = tmp_path / 'work'
    work_dir.mkdir()
    kept = shutil.copy(trained, work_dir)
    before = trained.read_bytes()
    argv = [CONFIG, '--work-dir', work_dir, *tiny(folder, epochs=2)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    group = command.start('train', *argv, '--resume')
    # Smaller than a checkpoint, larger than the logs.
    resource.prlimit(group, resource.RLIMIT_FSIZE, (2**20, limits[1]))
    error = command.wait().error
    assert f'{work_dir}/epoch_2.pth: cannot be written' in error
    assert 'free some space' in error
    assert [path.name for path in work_dir.glob('*.pth')] == ['epoch_1.pth']
    assert not list(work_dir.glob('.*.tmp'))
    with open(kept, 'rb') as file:
        assert file.read() == before


def test_detection(command, tmp_path):
    argv = ['train', DETECTION, '--work-dir', tmp_path / 'work']
    gone = f'model.backbone.init_cfg.checkpoint={tmp_path}/gone.pth'
    (tmp_path / 'train.json').touch()
    (tmp_path / 'val.json').touch()
    data = [
        f'{name}_dataloader.dataset.data_root={tmp_path}'
        for name in ('train', 'val')
    ]
    error = command(*argv, '--cfg-options', gone, *data).error
    assert f'{tmp_path}/gone.pth: there is no such file' in error
    assert 'init_cfg=None' in error and 'convert_backbone.py' in error
    (tmp_path / 'train.json').unlink()
    error = command(*argv, '--cfg-options', *data).error
    assert f'there is no {tmp_path}/train.json' in error


def test_a_traceback_is_for_who_asks(command):
    asked = command('train', 'nope.py', CDS_MM_DEBUG='1')
    assert asked.code == 1 and 'Traceback' in asked.err
    assert asked.err.splitlines()[-1].startswith('error: config nope.py')


@pytest.mark.slow
def test_the_real_command_line(tmp_path):
    result = run_fresh(sys.executable, 'tools/train.py', 'nope.py')
    assert 'config nope.py: no such file' in result.error
    assert not result.out
