"""``cds-mm`` and ``python -m cds_mm``: one entry for all commands."""

import re
import sys

import pytest
from command_lines import CONFIG, run_fresh, tiny

from cds_mm.commands import check, convert_backbone, table
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


def cds_mm(*argv, **env):
    return run_fresh(sys.executable, '-m', 'cds_mm', *argv, **env)


def test_the_whole_lists_its_commands_fast():
    said = cds_mm('--help').fine().out
    assert said.startswith('usage: cds-mm COMMAND')
    assert cds_mm('--version').fine().out.startswith('cds-mm ')
    nothing = cds_mm()
    assert (nothing.code, nothing.out, nothing.err) == (2, '', said)


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('trian', 'train'),
        ('convert-backbone', 'convert'),
        ('convert_backbone', 'convert'),
        ('browse_views', 'views'),
        ('probe-stages', 'probe'),
        ('configs-path', 'config-path'),
    ],
)
def test_an_unknown_command_is_one_line(name, meant, capsys):
    assert table.run_command([name]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f'error: cds-mm {name}: no such command; ')
    assert said.endswith(f'did you mean cds-mm {meant}?\n')
    assert said.count('\n') == 1
    assert table.run_command(['xyzzy']) == 1
    assert capsys.readouterr().err == (
        'error: cds-mm xyzzy: no such command; cds-mm --help lists them\n'
    )


@pytest.mark.parametrize('name', [one.name for one in table.COMMANDS])
def test_help_of_each_is_that_of_its_tool(name, capsys, monkeypatch):
    def help_of(argv, call):
        monkeypatch.setattr(sys, 'argv', argv)
        with pytest.raises(SystemExit) as ended:
            call()
        assert ended.value.code == 0
        return capsys.readouterr().out

    said = help_of([], lambda: table.run_command([name, '--help']))
    assert said.startswith(f'usage: cds-mm {name} ')
    tool = {one.name: one.tool for one in table.COMMANDS}[name]
    if tool:
        argv = [f'tools/{tool}.py', '--help']
        of_tool = help_of(argv, lambda: table.run_tool(argv[0]))
        flags = re.compile(r'--[\w-]+')
        assert set(flags.findall(said)) == set(flags.findall(of_tool))
        assert 'tools/' + tool not in said


def test_check_is_the_converters(monkeypatch):
    seen = []
    monkeypatch.setattr(convert_backbone, 'main', seen.append)
    check.main(['f.pth', '--detector', 'd.py'])
    check.main(['f.pth', '--detector', 'd.py', '--accept-changed-function'])
    plain = ['--check', 'f.pth', '--detector', 'd.py']
    assert seen == [plain, [*plain, '--accept-changed-function']]
    for words in seen:
        convert_backbone.parse_args(words)


def test_advice_names_what_the_user_has(capsys, monkeypatch):
    def fail(argv):
        raise UserError(
            'x: convert it with tools/convert_backbone.py, or run python '
            'tools/train.py; tools/dist_train.sh runs torchrun'
        )

    monkeypatch.setattr(convert_backbone, 'main', fail)
    assert table.run_command(['convert']) == 1
    assert capsys.readouterr().err == (
        'error: x: convert it with cds-mm convert, or run cds-mm train; '
        'torchrun --nproc_per_node=N -m cds_mm train runs torchrun\n'
    )


def test_paths_of_configs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = CONFIGS / 'cifar100/cds_r18_cifar100.py'

    def printed(*name):
        assert table.run_command(['config-path', *name]) == 0
        return capsys.readouterr().out.splitlines()

    for name in (
        'cds_r18_cifar100',
        'cifar100/cds_r18_cifar100.py',
        'cds_mm::cds_r18_cifar100.py',
    ):
        # A file of this name in the folder is not meant.
        (tmp_path / 'cds_r18_cifar100.py').write_text('')
        assert printed(name) == [str(path)]
    assert printed('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py')[
        0
    ].endswith('retinanet_r50_fpn_1x_coco.py')
    every = printed()
    assert 'cds_mm::cifar100/cds_r18_cifar100.py' in every
    assert printed(every[-1]) and len(every) > 250
    assert table.run_command(['config-path', 'cds_r18_cifra100']) == 1
    assert capsys.readouterr().err.count('did you mean') == 1


def test_a_run_under_torchrun_names_its_launcher(folder, tmp_path):
    """Else each of its processes would train alone, to the same files."""
    alone = cds_mm(
        'train',
        CONFIG,
        '--work-dir',
        tmp_path,
        *tiny(folder),
        RANK='0',
        WORLD_SIZE='2',
        LOCAL_RANK='0',
        TORCHELASTIC_RUN_ID='x',
    )
    assert '--launcher pytorch' in alone.error


@pytest.mark.slow
def test_torchrun_of_a_wheel_user(folder, tmp_path):
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'cds_mm::cifar10/cds_r18_cifar10_folder.py'"
    )
    command = [
        *(sys.executable, '-m', 'torch.distributed.run', '--standalone'),
        *('--nproc_per_node=2', '-m', 'cds_mm', 'train'),
        *(tmp_path / 'mine.py', '--launcher', 'pytorch'),
        *('--work-dir', tmp_path / 'work', *tiny(folder)),
    ]
    run_fresh(*command).fine()
    assert (tmp_path / 'work/epoch_1.pth').is_file()
    log = next((tmp_path / 'work').glob('*/*.log')).read_text()
    # 32 images in batches of 8, of two ranks.
    assert '[2/2]' in log and 'Distributed launcher: pytorch' in log
