"""What a run says of the files that it starts from works when followed."""

import re
import shlex

import mmdet.models  # noqa: F401
import pytest
import torch
from command_lines import CONFIG, tiny

from cds_mm.config import load_config
from cds_mm.testing import fresh_seed


@pytest.fixture(scope='module')
def files(command, folder, tmp_path_factory):
    """A checkpoint, and the converted backbone; in its path is a space."""
    root = tmp_path_factory.mktemp('my files')
    command('train', CONFIG, '--work-dir', root, *tiny(folder)).fine()
    trained = root / 'epoch_1.pth'
    converted = root / "it's.pth"
    command('convert_backbone', trained, converted).fine()
    return trained, converted


@pytest.fixture
def classifier(command, folder, tmp_path):
    def run(*argv, options=()):
        return command(
            'train',
            CONFIG,
            '--no-validate',
            '--work-dir',
            tmp_path / 'work',
            *argv,
            *tiny(folder),
            *options,
        )

    return run


@pytest.fixture
def detector(command, detector_config, tmp_path):
    def run(*argv, options=()):
        return command(
            'train',
            detector_config,
            '--no-validate',
            '--work-dir',
            tmp_path / 'work',
            *argv,
            '--cfg-options',
            'train_cfg.max_epochs=1',
            *options,
        )

    return run


def advised(error):
    """The options after the last "set" or "--cfg-options" of a message."""
    line = re.split(r' set | --cfg-options ', error)[-1]
    options = shlex.split(line)
    assert options and all('=' in option for option in options), error
    return options


def test_a_converted_file_is_no_checkpoint_of_a_classifier(classifier, files):
    _, converted = files
    wrong = {
        'load_from': dict(options=[f'load_from={converted}']),
        '--resume': dict(argv=['--resume', converted]),
        'model.pretrained': dict(options=[f'model.pretrained={converted}']),
    }
    for key, how in wrong.items():
        error = classifier(*how.pop('argv', ()), **how).error
        assert key in error and converted.name in error
        options = advised(error)
        assert options[-1].startswith('model.backbone.init_cfg=dict(')
    done = classifier(options=options).fine()
    assert 'verified, the backbone computes what was trained' in done.out


def test_weights_of_others_are_named_in_the_right_place(
    detector, detector_config, tmp_path
):
    """Of a bare backbone, and of one under another prefix."""
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    torch.manual_seed(fresh_seed())
    cfg = load_config(str(detector_config))
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(dict(cfg.model.backbone)).state_dict()
    path = tmp_path / 'given.pth'
    for prefix, argv, options in (
        ('', ['--resume', path], []),
        (
            '',
            [],
            [
                'model.neck.init_cfg.type=Pretrained',
                f'model.neck.init_cfg.checkpoint={path}',
                'model.neck.init_cfg._delete_=True',
            ],
        ),
        ('encoder.', [], [f'load_from={path}']),
    ):
        torch.save({prefix + k: v for k, v in state.items()}, path)
        options = advised(detector(*argv, options=options).error)
        assert 'model.backbone.init_cfg=dict(' in options[-1]
        assert (f"prefix='{prefix}'" in options[-1]) == bool(prefix)
    done = detector(options=options).fine()
    assert f'load {prefix} in model from: {path}' in done.out


def test_slips_of_an_init_cfg(classifier, files):
    _, converted = files
    key = 'model.backbone.init_cfg'
    slips = {
        'has no type': [f'{key}.checkpoint={converted}'],
        'is a text': [f'{key}={converted}'],
        'did you mean checkpoint?': [
            f'{key}.type=Pretrained',
            f'{key}.chekpoint={converted}',
        ],
    }
    for said, options in slips.items():
        error = classifier(options=options).error
        assert key in error and said in error
        options = [*options, *advised(error)]
    classifier(options=options).fine()  # all of it pasted behind the slips
    error = classifier(
        options=[f'{key}.type=pretraned', f'{key}.checkpoint={converted}']
    ).error
    assert f'{key}=' in error and "did you mean type='Pretrained'?" in error
    error = classifier(options=[f'{key}.type=Pretrained']).error
    assert f'{key}: is ' in error and f'set {key}.checkpoint=FILE' in error
    error = classifier(
        options=[
            "model.head.init_cfg=dict(type='Normal',layer='Linear',stdd=0.1)"
        ]
    ).error
    assert 'model.head.init_cfg=' in error and 'did you mean std?' in error


def test_a_file_that_is_missing(detector, tmp_path):
    gone = tmp_path / 'gone.pth'
    init = f"model.neck.init_cfg=dict(type='Pretrained',checkpoint='{gone}')"
    error = detector(options=[init]).error
    assert f'{gone}: there is no such file' in error
    assert 'model.neck.init_cfg starts from it' in error


def test_a_test_needs_a_checkpoint(command, folder, files, tmp_path):
    trained, converted = files
    more = ['--work-dir', tmp_path, *tiny(folder)]
    error = command('test', CONFIG, converted, *more).error
    assert 'has a backbone alone' in error and 'init_cfg' not in error
    command('test', CONFIG, trained, *more).fine()


def test_a_whole_model_with_another_number_of_classes(classifier, files):
    """It goes on, and the summary names what starts from random values."""
    trained, _ = files
    done = classifier(
        options=[
            f'model.init_cfg.checkpoint={trained}',
            'model.init_cfg.type=Pretrained',
            'model.head.num_classes=6',
        ]
    ).fine()
    summary = done.out.partition('warnings of this run')[2]
    assert 'model.init_cfg starts from it, but 2 of ' in summary
    assert 'head.fc.weight, head.fc.bias' in summary
