"""The logged speed and wait are those that a watch shows."""

import time

import pytest
import tiny_runner
from mmengine.hooks import Hook

from cds_mm.hooks import ThroughputHook

WAIT, STEP = 0.03, 0.06


class SlowNumbers(tiny_runner.Numbers):
    def __getitem__(self, index):
        time.sleep(WAIT / 4)  # four to a batch
        return super().__getitem__(index)


class SlowLinear(tiny_runner.Linear):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        time.sleep(STEP)
        return super().forward(inputs, data_samples, mode)


class Watch(Hook):
    """Seconds from the start of the epoch to the end of each iteration."""

    priority = 'HIGHEST'

    def before_train_epoch(self, runner):
        self.begin = time.perf_counter()

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ):
        self.seconds = (time.perf_counter() - self.begin) / (batch_idx + 1)


def test_the_numbers(tmp_path):
    watch = Watch()
    runner = tiny_runner.runner(
        tmp_path, watch, ThroughputHook(), model=SlowLinear(), epochs=1
    )
    runner.train_dataloader.dataset.__class__ = SlowNumbers
    runner.train()
    hub = runner.message_hub
    speed = hub.get_scalar('train/images_per_s').current()
    assert speed == pytest.approx(4 / watch.seconds, rel=0.15)
    wait = hub.get_scalar('train/waiting_for_data').current()
    assert 0 < wait <= 1 - STEP / watch.seconds + 0.05
    assert wait >= WAIT / watch.seconds - 0.05
    rss = hub.get_scalar('train/rss_mb').current()
    assert 50 < rss < 50_000  # MiB, not KiB, not bytes
