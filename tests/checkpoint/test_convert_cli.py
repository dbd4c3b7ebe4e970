"""The command line: exit codes, one line for each error, what it prints."""

import re
from pathlib import Path

import pytest
import torch


@pytest.fixture
def detector_file(tmp_path, detector):
    def make(**changes):
        path = tmp_path / 'detector.py'
        detector(**changes).dump(path)
        return path

    return make


def test_convert_and_check(tmp_path, run, training_file, detector_file):
    src, _ = training_file()
    dst, cfg = tmp_path / 'b.pth', detector_file()
    code, out, err = run(src, dst, '--detector', cfg)
    assert (code, err) == (0, '')
    assert f'wrote {dst}' in out
    assert 'dropped: 1 branches, 1 head' in out
    assert 'input: RGB, mean [123.675, 116.28, 103.53]' in out
    # Paste-able: the printed line is what the detector's config takes.
    line = re.search(r'init_cfg=(dict\(.*\))', out).group(1)
    init_cfg = eval(line)
    assert init_cfg == {'type': 'Pretrained', 'checkpoint': str(dst)}
    code, out, err = run('--check', dst, '--detector', cfg)
    assert (code, err) == (0, '')
    assert 'is what was trained' in out


def test_errors_are_one_line_and_nothing_is_written(
    tmp_path, run, training_file, detector_file
):
    src, _ = training_file()
    cfg = detector_file(preprocessor={'bgr_to_rgb': False})
    before = sorted(tmp_path.iterdir())
    for arguments in (
        (src, tmp_path / 'b.pth', '--detector', cfg),
        (src, tmp_path / 'absent' / 'b.pth', '--detector', cfg),
        (src, src / 'b.pth'),
        (tmp_path / 'absent.pth', tmp_path / 'b.pth'),
        (src, src),
        ('--check', src, '--detector', cfg),
    ):
        code, out, err = run(*arguments)
        assert (code, out) == (1, '')
        assert err.startswith('error: ')
        assert err.count('\n') == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_detector_that_asserts_without_a_message(
    tmp_path, run, training_file, detector_file
):
    src, _ = training_file()
    cfg = detector_file(num_stages=5)
    code, out, err = run(src, tmp_path / 'b.pth', '--detector', cfg)
    assert (code, out) == (1, '')
    assert err.startswith('error: ') and err.count('\n') == 1
    assert 'assert num_stages >= 1 and num_stages <= 4' in err
    assert not (tmp_path / 'b.pth').exists()


@pytest.mark.parametrize(
    'line, key',
    [
        ("cfg.model = 'yes'", 'model'),
        ("cfg.model.backbone = 'ResNet'", 'backbone'),
        ("cfg.model.data_preprocessor = 'x'", 'data_preprocessor'),
        ("cfg.model = dict(detector='x')", 'detector'),
    ],
)
def test_a_detector_whose_part_is_not_a_dict(
    line, key, tmp_path, run, training_file, detector
):
    src, _ = training_file()
    cfg = detector()
    exec(line)
    path = tmp_path / 'odd.py'
    cfg.dump(path)
    code, out, err = run(src, tmp_path / 'b.pth', '--detector', path)
    assert (code, out) == (1, '')
    assert err.startswith(f'error: {path}: {key}=') and err.count('\n') == 1
    assert 'is not a dict' in err


def test_the_folder_is_made(tmp_path, run, training_file):
    src, _ = training_file()
    dst = tmp_path / 'new' / 'folder' / 'b.pth'
    assert run(src, dst)[0] == 0
    assert dst.is_file()


def test_check_fails_in_another_detector(
    tmp_path, run, training_file, detector_file
):
    src, _ = training_file()
    dst = tmp_path / 'b.pth'
    assert run(src, dst)[0] == 0
    cfg = detector_file(norm_cfg={'type': 'BN', 'eps': 0.01})
    code, _, err = run('--check', dst, '--detector', cfg)
    assert code == 1
    assert 'does not compute what was trained' in err


def test_formats_are_stated(tmp_path, run, training_file):
    src, _ = training_file()
    out = run(src, tmp_path / 'b.safetensors')[1]
    assert 'MMEngine reads no safetensors' in out
    out = run(src, tmp_path / 'b.bin', '--format', 'safetensors')[1]
    assert 'MMEngine reads no safetensors' in out
    src, _ = training_file(base_channels=64, stem_channels=64)
    out = run(src, tmp_path / 't.pth', '--target', 'torchvision')[1]
    assert 'init_cfg' not in out
    assert 'mean=(0.485, 0.456, 0.406)' in out
    out = run(src, tmp_path / 'd.pth', '--target', 'detectron2')[1]
    assert 'cfg.MODEL.RESNETS.STRIDE_IN_1X1 = False' in out
    out = run(src, tmp_path / 'p.pth', '--publish')[1]
    assert re.search(r'p-[0-9a-f]{8}\.pth', out)


def test_trust_is_the_one_way_round(tmp_path, run, training_file):
    src, _ = training_file()
    content = torch.load(src, weights_only=True)
    content['meta']['path'] = Path('x')  # harmless, but not on the list
    torch.save(content, src)
    code, _, err = run(src, tmp_path / 'b.pth')
    assert code == 1
    assert 'pathlib' in err
    assert run(src, tmp_path / 'b.pth', '--trust')[0] == 0
    torch.load(tmp_path / 'b.pth', weights_only=True)


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        ([], 'nothing to convert; give SRC and DST'),
        (['a'], 'nothing to convert; give SRC and DST'),
        (['--check', 'a'], '--check needs --detector CONFIG'),
        (['--check', 'a', '--detector', 'd', 'b'], 'b does not go with'),
        (['a', 'b', '--bn-images', '0'], '--bn-images 0: must be at least 1'),
    ],
)
def test_what_is_missing_costs_one_line(run, arguments, said):
    code, out, err = run(*arguments)
    assert (code, out) == (1, '')
    assert err.startswith(f'error: {said}') and err.count('\n') == 1


@pytest.mark.parametrize(
    'flags',
    [
        ['--trust'],
        ['--no-ema'],
        ['--publish'],
        ['--prefix', 'x.'],
        ['--config', 'c.py'],
        ['--target', 'timm'],
        ['--format', 'pth'],
        ['--bn-images', '7'],
        ['--reestimate-bn', 'c.py'],
        ['--channel-order', 'bgr'],
        ['--accept-missing-maxpool'],
    ],
)
def test_check_takes_no_flag_of_conversion(run, flags):
    code, _, err = run('--check', 'a', '--detector', 'd.py', *flags)
    assert code == 1
    assert err == (
        f'error: {flags[0]} does not go with --check; leave it out\n'
    )
