"""The host's switch for torch.compile, with a backend that changes nothing."""

import json

import pytest
from command_lines import CONFIG, tiny

COMPILED = 'compile.backend=eager'


def losses(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if 'loss' in key}
        for line in lines
        if 'loss' in line
    ]


@pytest.mark.parametrize('flags', [[], ['--parity']])
def test_losses_are_those_of_the_uncompiled_run(
    flags, command, folder, tmp_path
):
    plain, compiled = tmp_path / 'plain', tmp_path / 'compiled'
    argv = ['train', CONFIG, *flags, '--work-dir']
    command(*argv, plain, *tiny(folder, epochs=2)).fine()
    argv += [compiled, *tiny(folder, epochs=2), COMPILED]
    result = command(*argv).fine()
    assert 'Model has been "compiled"' in result.out
    assert losses(compiled) == losses(plain)
