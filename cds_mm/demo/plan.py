"""Which commands the demo runs, in which order."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cds_mm.demo.digits import (
    load_scans,
    split_scans,
    write_scenes,
    write_singles,
)
from cds_mm.engine.resume import latest_checkpoint
from cds_mm.errors import UserError
from cds_mm.paths import CONFIGS, TOOLS

WORK = Path('work_dirs/demo')
DATA = Path('data/digits')
PRETRAININGS = {
    'baseline': str(CONFIGS / 'demo/baseline_r18_digits_16e.py'),
    'cds': str(CONFIGS / 'demo/cds_r18_digits.py'),
}
DETECTORS = {
    'Faster R-CNN': str(CONFIGS / 'demo/faster-rcnn_r18_fpn_digits.py'),
    'RetinaNet': str(CONFIGS / 'demo/retinanet_r18_fpn_digits.py'),
}
STARTS = ('scratch', *PRETRAININGS)


@dataclass
class Size:
    """How much of everything; the tests take less of it."""

    copies: int = 2  # drawings of each pretraining scan
    scenes: int = 300  # to train on
    val_scenes: int = 150
    pretrain_options: list[str] = field(default_factory=list)
    detect_options: list[str] = field(default_factory=list)


def run_demo(size: Size, seed: int = 0) -> float:
    """Draw the data, pretrain, convert, detect; what was there goes.

    Args:
        size: of data and runs.
        seed: of data and runs.

    Returns:
        float: seconds that it took.

    Raises:
        UserError: one of the commands failed.
    """
    start = time.monotonic()
    for old in (WORK, DATA):
        shutil.rmtree(old, ignore_errors=True)
    write_data(size, seed)
    run_together(
        [pretrain_command(m, size, seed) for m in PRETRAININGS], 'pretraining'
    )
    for method in PRETRAININGS:
        run_together([convert_command(method)], f'converting {method}')
    commands = [
        detect_command(detector, start_from, size, seed)
        for detector in DETECTORS
        for start_from in STARTS
    ]
    run_together(commands, 'detection')
    return time.monotonic() - start


def write_data(size: Size, seed: int) -> None:
    """Digits for pretraining; scenes of digits that pretraining never saw."""
    scans, labels = load_scans()
    parts = split_scans(labels, (0.45, 0.1, 0.3, 0.15), seed)
    single, scenes = DATA / 'single', DATA / 'scenes'
    write_singles(single / 'train', scans, labels, parts[0], size.copies, seed)
    write_singles(single / 'val', scans, labels, parts[1], 1, seed + 1)
    write_scenes(
        scenes, 'train', scans, labels, parts[2], size.scenes, seed + 2
    )
    write_scenes(
        scenes, 'val', scans, labels, parts[3], size.val_scenes, seed + 3
    )


def detect_folder(detector: str, start_from: str) -> Path:
    """Where the run of a detector from a start has its files."""
    name = Path(DETECTORS[detector]).name.partition('_')[0]
    return WORK / f'{name}_{start_from}'


def pretrain_command(method: str, size: Size, seed: int) -> list[str]:
    """The training command of a pretraining."""
    return _train(
        PRETRAININGS[method], WORK / method, seed, *size.pretrain_options
    )


def convert_command(method: str) -> list[str]:
    """The converter, which proves the backbone in a detector."""
    detector = DETECTORS['Faster R-CNN']
    folder = WORK / method
    return [
        str(TOOLS / 'convert_backbone.py'),
        str(latest_checkpoint(folder)),
        str(folder / 'backbone.pth'),
        '--detector',
        detector,
    ]


def detect_command(
    detector: str, start_from: str, size: Size, seed: int
) -> list[str]:
    """The training command of a detector."""
    init = f'model.backbone.init_cfg.checkpoint={WORK}/{start_from}'
    init += '/backbone.pth'
    if start_from == 'scratch':
        init = 'model.backbone.init_cfg=None'
    folder = detect_folder(detector, start_from)
    return _train(
        DETECTORS[detector], folder, seed, init, *size.detect_options
    )


def run_together(commands: list[list[str]], what: str) -> None:
    """Run commands, as many at once as there are cores, two at most.

    Raises:
        UserError: one of them failed; the others are ended.
    """
    cores = len(os.sched_getaffinity(0))
    width = min(2, cores, len(commands))
    env = dict(
        os.environ,
        OMP_NUM_THREADS=str(max(1, cores // width)),
        # glibc would give large blocks back to the system after each step
        # and take them anew: page faults that cost a CPU run a quarter.
        MALLOC_MMAP_MAX_='0',
        MALLOC_TRIM_THRESHOLD_=str(2**34),
    )
    waiting, running = list(enumerate(commands)), {}
    try:
        while waiting or running:
            while waiting and len(running) < width:
                number, command = waiting.pop(0)
                print(f'[{what}] {_shown(command)}', flush=True)
                running[_start(command, number, what, env)] = command
            time.sleep(0.2)
            for process in [p for p in running if p.poll() is not None]:
                command = running.pop(process)
                if process.returncode:
                    raise UserError(
                        f'demo: {_shown(command)} failed with '
                        f'{process.returncode}; its output is in '
                        f'{process.log}'
                    )
    finally:
        for process in running:
            process.kill()


def _start(command, number, what, env):
    WORK.mkdir(parents=True, exist_ok=True)
    log = WORK / f'{what.replace(" ", "_")}_{number}.log'
    with log.open('w') as stream:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=env,
        )
    process.log = log
    return process


def _shown(command):
    here = [
        os.path.relpath(word) if os.path.isabs(word) else word
        for word in command
    ]
    return shlex.join(here)


def _train(config, folder, seed, *options):
    return [
        str(TOOLS / 'train.py'),
        config,
        '--work-dir',
        str(folder),
        '--cfg-options',
        f'randomness.seed={seed}',
        *options,
    ]
