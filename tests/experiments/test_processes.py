"""Commands side by side."""

import os
import re

import pytest

from cds_mm.errors import UserError
from cds_mm.experiments.processes import Command, run_together


def command(folder, name, code, finish=None):
    script = folder / f'{name}.py'
    script.write_text(code)
    log = folder / f'{name}.log'
    return Command([str(script), name], log, name, finish=finish)


def test_all_of_them_run_and_are_told_of(tmp_path, capsys):
    code = 'import os, sys; print(sys.argv[1], os.environ["OMP_NUM_THREADS"])'
    commands = [
        command(tmp_path, 'a', code, lambda: 'AP 0.5'),
        command(tmp_path, 'b', code),
        command(tmp_path, 'c', code),
    ]
    assert run_together(commands, 2) == []
    for name in 'abc':
        log = (tmp_path / f'{name}.log').read_text()
        said, threads = log.splitlines()[1].split()
        assert said == name
        assert 1 <= int(threads) <= max(1, len(os.sched_getaffinity(0)) // 2)
        assert log.startswith('$ ')
    out = capsys.readouterr().out
    assert '[3/3] c ... log: ' in out
    assert re.search(r'\[1/3\] a: done in \d+\.\d min, AP 0\.5', out)


def test_a_failure_ends_the_others(tmp_path):
    slow = command(tmp_path, 'slow', 'import time; time.sleep(60)')
    bad = command(tmp_path, 'bad', 'raise SystemExit(3)')
    with pytest.raises(UserError, match='bad: failed with 3.*bad.log'):
        run_together([slow, bad], 2)


def test_the_others_go_on(tmp_path, capsys):
    bad = command(tmp_path, 'bad', 'raise SystemExit(3)')
    good = command(tmp_path, 'good', 'print("here")')
    assert run_together([bad, good], 1, keep_going=True) == [bad]
    assert 'here' in good.log.read_text()
    assert 'bad: failed' in capsys.readouterr().out


def test_a_part_of_more(tmp_path, capsys):
    run_together([command(tmp_path, 'a', '')], before=3, total=10)
    assert '[4/10] a ... log: ' in capsys.readouterr().out


def test_a_finish_that_fails_is_a_failed_run(tmp_path, capsys):
    def finish():
        raise UserError('there is no score')

    bad = command(tmp_path, 'bad', '', finish)
    good = command(tmp_path, 'good', '')
    assert run_together([bad, good], 1, keep_going=True) == [bad]
    assert '[1/2] bad: there is no score' in capsys.readouterr().out
    with pytest.raises(UserError, match='there is no score'):
        run_together([bad], 1)
