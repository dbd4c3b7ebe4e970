"""The learning rate follows the images of a step, not of a batch."""

import pytest
from mmengine.config import Config

from cds_mm.engine.scale_lr import count_accumulation, warn_of_batch_size
from cds_mm.run_warnings import forget_warnings, warnings_so_far


def config(counts=None, base=256, **scale):
    optim = {} if counts is None else dict(accumulative_counts=counts)
    return Config(
        dict(
            auto_scale_lr=dict(base_batch_size=base, **scale),
            optim_wrapper=optim,
        )
    )


def ratio(cfg, batch, ranks=1):
    """As MMEngine's Runner.scale_lr."""
    return batch * ranks / cfg.auto_scale_lr.base_batch_size


def test_a_step_of_several_batches():
    for counts, wanted in ((None, 1 / 8), (1, 1 / 8), (4, 1 / 2), (3, 3 / 8)):
        cfg = config(counts, enable=True)
        count_accumulation(cfg)
        assert ratio(cfg, 32) == pytest.approx(wanted)
        # As a run records it, once more, and with another number.
        count_accumulation(cfg)
        assert ratio(cfg, 32) == pytest.approx(wanted)
        cfg.optim_wrapper.accumulative_counts = 2
        count_accumulation(cfg)
        assert ratio(cfg, 32) == pytest.approx(1 / 4)


def test_what_is_not_scaled_stays():
    for cfg in (
        config(4),
        config(4, base=None, enable=True),
        config(4, base='x', enable=True),
    ):
        before = cfg.copy()
        count_accumulation(cfg)
        assert cfg == before or cfg.to_dict() == before.to_dict()
    cfg = Config(dict(optim_wrapper=dict(accumulative_counts=4)))
    count_accumulation(cfg)


@pytest.mark.parametrize(
    'batch, ranks, counts, warned',
    [
        (16, 1, 1, True),
        (64, 1, 1, True),
        (65, 1, 1, False),
        (16, 8, 1, False),
        (16, 2, 4, False),
        (256, 1, 1, False),
        (512, 2, 1, True),
    ],
)
def test_a_rate_for_another_batch_is_warned_of(batch, ranks, counts, warned):
    cfg = Config(
        dict(
            train_dataloader=dict(batch_size=batch),
            optim_wrapper=dict(accumulative_counts=counts),
            auto_scale_lr=dict(base_batch_size=256),
        )
    )
    warn_of_batch_size(cfg, ranks)
    assert bool(warnings_so_far()) == warned
    forget_warnings()
    cfg.auto_scale_lr.enable = True
    warn_of_batch_size(cfg, ranks)
    assert not warnings_so_far()
