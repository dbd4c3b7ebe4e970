"""Both ways of each name that torch has renamed, on any torch."""

from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist

from cds_mm import compat
from cds_mm.testing import run_ranks

# Newer name: what torch 2.6 calls it.
COLLECTIVES = {
    'all_gather_single': 'all_gather_into_tensor',
    'reduce_scatter_single': 'reduce_scatter_tensor',
}


def only_the_older(names):
    """Leave `names` of torch.distributed as torch 2.6 has them."""
    for newer, older in names.items():
        vars(dist).setdefault(older, vars(dist).get(newer))
        vars(dist).pop(newer, None)


def only_the_newer(names):
    for newer, older in names.items():
        vars(dist).setdefault(newer, vars(dist)[older])
        del vars(dist)[older]


def exchanged(rank, names):
    names(COLLECTIVES)
    gathered = torch.empty(4)
    compat.all_gather_equal(gathered, torch.tensor([1.0, 2.0]) + 10 * rank)
    own = torch.empty(2)
    rows = torch.tensor([1.0, 2.0, 3.0, 4.0]) * (rank + 1)
    compat.reduce_scatter_equal(own, rows)
    return gathered.tolist(), own.tolist()


@pytest.mark.parametrize('names', [only_the_older, only_the_newer])
def test_collectives_by_either_name(names):
    (gathered, first), (same, second) = run_ranks(2, exchanged, names)
    assert gathered == same == [1, 2, 11, 12]
    assert first == [1 + 2, 2 + 4]
    assert second == [3 + 6, 4 + 8]


@pytest.fixture
def older_processor(monkeypatch):
    """``older_processor(avx512_bf16=True)``: what torch 2.6 tells of one."""
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)

    def pretend(**units):
        for unit, query in compat._UNIT_QUERIES.items():
            there = units.get(unit)
            if there is None:
                monkeypatch.delattr(torch.cpu, query, raising=False)
            else:
                monkeypatch.setattr(
                    torch.cpu, query, lambda there=there: there, raising=False
                )

    return pretend


def test_units_of_a_torch_that_lists_none(older_processor):
    older_processor(avx512_bf16=True, amx_bf16=False)
    assert compat.cpu_capabilities() == {
        'avx512_bf16': True,
        'amx_bf16': False,
    }
    older_processor(amx_bf16=True)
    assert compat.cpu_capabilities() == {
        'avx512_bf16': False,
        'amx_bf16': True,
    }


def test_units_of_a_torch_that_lists_them(monkeypatch):
    known = {'avx512_bf16': True}
    monkeypatch.setattr(
        torch.cpu, 'get_capabilities', lambda: known, raising=False
    )
    assert compat.cpu_capabilities() is known


def test_both_ways_agree_on_this_processor():
    """Where torch has the list and the queries."""
    listed = getattr(torch.cpu, 'get_capabilities', None)
    if listed is None:
        pytest.skip('this torch has no list of capabilities')
    queried = getattr(torch.cpu, compat._UNIT_QUERIES['avx512_bf16'])
    assert bool(listed().get('avx512_bf16')) == queried()


def newer_torch(monkeypatch):
    convolutions = SimpleNamespace(fp32_precision='none')
    products = SimpleNamespace(fp32_precision='tf32')
    # A real one raises, once the newer way has been used.
    cudnn = SimpleNamespace(conv=convolutions)
    monkeypatch.setattr(torch.backends, 'cudnn', cudnn)
    monkeypatch.setattr(torch.backends.cuda, 'matmul', products)
    return lambda: (convolutions.fp32_precision, products.fp32_precision)


def older_torch(monkeypatch):
    cudnn = SimpleNamespace(allow_tf32=True)
    said = ['medium']
    monkeypatch.setattr(torch.backends, 'cudnn', cudnn)
    monkeypatch.setattr(
        torch, 'get_float32_matmul_precision', lambda: said[-1]
    )
    monkeypatch.setattr(torch, 'set_float32_matmul_precision', said.append)
    return lambda: (cudnn.allow_tf32, said[-1])


@pytest.mark.parametrize(
    ('version', 'full'),
    [(newer_torch, ('ieee', 'ieee')), (older_torch, (False, 'highest'))],
)
def test_tf32_is_off_and_comes_back(monkeypatch, version, full):
    settings = version(monkeypatch)
    before = settings()
    with pytest.raises(ZeroDivisionError), compat.without_tf32():
        assert settings() == full
        raise ZeroDivisionError
    assert settings() == before != full
