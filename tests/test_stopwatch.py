"""Seconds of work on a device."""

import time

import pytest
import torch

from cds_mm.stopwatch import Stopwatch


def test_the_last_piece_counts(monkeypatch):
    now = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr(time, 'perf_counter', lambda: next(now))
    watch, cpu = Stopwatch(), torch.device('cpu')
    assert watch.seconds == 0
    for seconds in (2.5, 1.0):
        watch.start(cpu)
        watch.stop(cpu)
        assert watch.seconds == seconds


class Event:
    """As CUDA's: over when ``over``, at the time ``at`` in ms."""

    def __init__(self, enable_timing):
        self.over, self.at = False, None

    def record(self):
        self.at = next(Event.clock)
        Event.all.append(self)

    def query(self):
        return self.over

    def elapsed_time(self, other):
        return other.at - self.at


def test_a_gpu_is_not_waited_for(monkeypatch):
    Event.all, Event.clock = [], iter([0, 300, 1000, 1700, 2000, 2100])
    monkeypatch.setattr(torch.cuda, 'Event', Event)
    watch, gpu = Stopwatch(), torch.device('cuda')

    def piece():
        watch.start(gpu)
        watch.stop(gpu)
        return watch.seconds

    assert piece() == 0, 'nothing is over yet'
    Event.all[1].over = True
    assert piece() == pytest.approx(0.3)
    Event.all[3].over = True
    assert piece() == pytest.approx(0.7), 'the third is under way'
