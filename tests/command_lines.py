"""Command lines of tools/, run and killed by tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
CONFIG = str(ROOT / 'configs/cifar10/cds_r18_cifar10_folder.py')
CLASSES = 'abcd'


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that a mistake of the user costs."""
        lines = self.err.splitlines()
        assert self.code == 1 and len(lines) == 1, self
        assert lines[0].startswith('error: '), self
        return lines[0]

    def fine(self) -> 'Result':
        assert self.code == 0, self.out[-2000:] + self.err
        return self

    @property
    def warnings(self) -> list[str]:
        """Lines with a warning, but for two that hold for most tests.

        Their runs are shorter than the recipe's schedule, and their batches
        smaller than its learning rate is for.
        """
        lines = [line for line in self.out.splitlines() if 'WARNING' in line]
        usual = ('param_scheduler', '--auto-scale-lr', ' of this run')
        return [x for x in lines if not any(word in x for word in usual)]


def clean_environment(**more) -> dict:
    """Ours, without what a launcher that runs the tests has put there."""
    kept = {k: v for k, v in os.environ.items() if k != 'LOCAL_RANK'}
    return kept | dict(OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)) | more


class Commands:
    """A client of ``command_server.py``; one command at a time."""

    def __init__(self):
        self._server = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name('command_server.py')),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=clean_environment(),
            cwd=ROOT,
        )
        while (line := self._server.stdout.readline()) != 'ready\n':
            assert line, 'the server did not start'
        self._folder = tempfile.TemporaryDirectory()
        self._running: int | None = None

    def start(self, tool: str, *argv, units=None, ranks=1, **env) -> int:
        """Begin ``tools/<tool>.py argv`` and return its process group.

        Args:
            tool: name of the command.
            *argv: its arguments.
            units: what the processor reports, instead of what it does, e.g.
                ['avx512_bf16'].
            ranks: how many run it; two are what torchrun starts, without
                the seconds in which each imports.
            **env: environment variables.
        """
        if self._running is not None:  # of a test that has failed meanwhile
            with contextlib.suppress(ProcessLookupError):
                kill_group(self._running)
            self.wait()
        out, err = self._files()
        for path in (out, err):
            path.unlink(missing_ok=True)
        request = dict(
            tool=tool,
            argv=[str(argument) for argument in argv],
            stdout=str(out),
            stderr=str(err),
            environments=environments(ranks, env),
            units=units,
        )
        self._server.stdin.write(json.dumps(request) + '\n')
        self._server.stdin.flush()
        self._running = int(self._server.stdout.readline())
        return self._running

    def wait(self) -> Result:
        """How the command ended, and what it wrote."""
        code = int(self._server.stdout.readline())
        self._running = None
        out, err = (path.read_text() for path in self._files())
        return Result(code, out, err)

    def __call__(self, tool: str, *argv, **more) -> Result:
        self.start(tool, *argv, **more)
        return self.wait()

    def close(self):
        # Closing is not enough: a data loader's worker that some test has
        # forked since then may hold the other end open.
        self._server.stdin.write('\n')
        self._server.stdin.close()
        self._server.wait()
        self._folder.cleanup()

    def _files(self):
        folder = Path(self._folder.name)
        return folder / 'out', folder / 'err'


def environments(ranks: int, more: dict) -> list[dict]:
    """The variables of each rank, as torchrun sets them; ``more`` for all."""
    if ranks == 1:
        return [more]
    place = dict(MASTER_ADDR='127.0.0.1', WORLD_SIZE=str(ranks))
    return [
        dict(place, RANK=str(rank), LOCAL_RANK=str(rank), **more)
        for rank in range(ranks)
    ]


def kill_group(group: int) -> None:
    """Kill a command with all of its workers, as the system would."""
    os.killpg(group, signal.SIGKILL)


def run_fresh(*argv, **env) -> Result:
    """Run a command as a user does, in a new process."""
    done = subprocess.run(
        [str(argument) for argument in argv],
        capture_output=True,
        text=True,
        env=clean_environment(**{'PYTHON': sys.executable, **env}),
        cwd=ROOT,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def tiny(folder, epochs: int = 1, **more) -> list[str]:
    """``--cfg-options`` that make :data:`CONFIG` tiny.

    Args:
        folder: with train/ and test/, each with :data:`CLASSES`.
        epochs: of four iterations each.
        **more: further settings, with ``__`` for a dot.
    """
    settings = {
        'model.backbone.base_channels': 8,
        'model.head.in_channels': 64,
        'model.head.num_classes': len(CLASSES),
        'train_dataloader.batch_size': 8,
        'val_dataloader.batch_size': 8,
        'train_cfg.max_epochs': epochs,
        'default_hooks.logger.interval': 1,
    }
    for name in ('train', 'val', 'test'):
        settings[f'{name}_dataloader.dataset.data_root'] = folder
        settings[f'{name}_dataloader.num_workers'] = 0
    for name in ('val', 'test'):
        settings[f'{name}_evaluator.topk'] = 1
    settings |= {key.replace('__', '.'): v for key, v in more.items()}
    return ['--cfg-options', *(f'{k}={v}' for k, v in settings.items())]


def with_memory_banks(folder):
    """Settings of CRD with a teacher, for :func:`tiny`.

    Args:
        folder: where the teacher's config and weights are written.
    """
    # Imported late: who only starts commands need not wait for it.
    import torch

    from cds_mm.teacher import build_teacher, teacher_config

    config, checkpoint = folder / 'teacher.py', folder / 'teacher.pth'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        'model = dict(backbone=dict(base_channels=8), '
        'head=dict(in_channels=64, num_classes=4))\n'
    )
    network = build_teacher(teacher_config(str(config)))
    torch.save(network.state_dict(), checkpoint)
    return dict(
        model__teacher__type='Teacher',
        model__teacher__config=config,
        model__teacher__checkpoint=checkpoint,
        model__supervisions__crd__type='ContrastiveRepresentationDistillation',
    )
