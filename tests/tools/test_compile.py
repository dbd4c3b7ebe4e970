"""The host's switch for torch.compile, with a backend that changes nothing."""

import json

import pytest
from command_lines import CONFIG, tiny, with_memory_banks

COMPILED = 'compile.backend=eager'


def losses(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if 'loss' in key}
        for line in lines
        if 'loss' in line
    ]


CASES = [
    pytest.param([], False, id='default'),
    pytest.param(['--parity'], False, id='parity', marks=pytest.mark.slow),
    # With a teacher, and draws in the step.
    pytest.param([], True, id='crd', marks=pytest.mark.slow),
]


@pytest.mark.parametrize('flags, distilled', CASES)
def test_losses_are_those_of_the_uncompiled_run(
    flags, distilled, command, folder, tmp_path
):
    more = with_memory_banks(tmp_path) if distilled else {}
    settings = tiny(folder, epochs=2, **more)
    plain, compiled = tmp_path / 'plain', tmp_path / 'compiled'
    argv = ['train', CONFIG, *flags, '--work-dir']
    command(*argv, plain, *settings).fine()
    result = command(*argv, compiled, *settings, COMPILED).fine()
    assert 'Model has been "compiled"' in result.out
    # Dynamo's own word on its start, and nothing of the model.
    assert 'Dynamo does not know' not in result.err, result.err
    assert len(losses(plain)) == 8
    assert losses(compiled) == losses(plain)
