"""The logged speed and wait are those that a watch shows."""

from types import SimpleNamespace

import pytest
import tiny_runner
from mmengine.hooks import iter_timer_hook

from cds_mm.hooks import ThroughputHook

WAIT, STEP = 0.03, 0.06


@pytest.fixture
def clock(monkeypatch):
    """The watch of the host's timer, which goes on when it is told to."""
    watch = SimpleNamespace(now=1e9)
    told = SimpleNamespace(time=lambda: watch.now)
    monkeypatch.setattr(iter_timer_hook, 'time', told)
    return watch


def test_the_numbers(tmp_path, clock):
    class SlowNumbers(tiny_runner.Numbers):
        def __getitem__(self, index):
            clock.now += WAIT / 4  # four to a batch
            return super().__getitem__(index)

    class SlowLinear(tiny_runner.Linear):
        def forward(self, inputs, data_samples=None, mode='tensor'):
            clock.now += STEP
            return super().forward(inputs, data_samples, mode)

    runner = tiny_runner.runner(
        tmp_path, ThroughputHook(), model=SlowLinear(), epochs=1
    )
    runner.train_dataloader.dataset.__class__ = SlowNumbers
    runner.train()
    hub = runner.message_hub
    speed = hub.get_scalar('train/images_per_s').current()
    assert speed == pytest.approx(4 / (WAIT + STEP), rel=1e-4)
    wait = hub.get_scalar('train/waiting_for_data').current()
    assert wait == pytest.approx(WAIT / (WAIT + STEP), rel=1e-4)
    rss = hub.get_scalar('train/rss_mb').current()
    assert 50 < rss < 50_000  # MiB, not KiB, not bytes
