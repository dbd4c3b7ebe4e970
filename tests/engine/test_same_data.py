"""Ranks with different data are found before they wait for each other."""

from types import SimpleNamespace

import pytest
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch.utils.data import DataLoader, IterableDataset

from cds_mm.engine import ranks
from cds_mm.errors import UserError
from cds_mm.run_warnings import warnings_so_far


def runner(samples, loop=EpochBasedTrainLoop):
    return SimpleNamespace(
        train_dataloader=DataLoader([0] * samples, batch_size=8),
        train_loop=loop.__new__(loop),
    )


@pytest.fixture
def check(monkeypatch):
    """The check on rank 0, while other ranks have other runners."""

    def run(*runners):
        everywhere = [ranks._sizes(one, ('train',)) for one in runners]
        monkeypatch.setattr(
            ranks, 'all_gather_object', lambda mine: everywhere
        )
        ranks.check_same_data(runners[0], ('train',))
        return warnings_so_far()

    return run


def test_equal_data(check):
    assert check(runner(32), runner(32)) == []
    ranks.check_same_data(runner(32), ('train',))  # one process


def test_another_number_of_batches(check):
    with pytest.raises(UserError, match=r'\(32, 20 samples, from rank 0 on\)'):
        check(runner(32), runner(20))


def test_what_may_be_meant(check):
    (said,) = check(runner(32), runner(31))
    assert '(32, 31 samples' in said and '\n' not in said


def test_without_epochs(check):
    shards = (runner(32, IterBasedTrainLoop), runner(9, IterBasedTrainLoop))
    assert len(check(*shards)) == 1


class Stream(IterableDataset):
    def __iter__(self):
        return iter([0])


def test_streams_have_no_size(check):
    stream = runner(8)
    stream.train_dataloader = DataLoader(Stream())
    assert check(stream, stream) == []
