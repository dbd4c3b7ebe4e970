"""tools/benchmark.py loss: two equal losses, measured as it says."""

import json

import benchmark
import pytest
import torch
from benchmarks import loss
from benchmarks.references.supcon import masked_supcon

from cds_mm.losses import contrastive_loss, relate
from cds_mm.testing import fresh_generator, random_units


@pytest.mark.parametrize(
    ('dtype', 'tolerance'), [(torch.float64, 1e-12), (torch.float32, 1e-5)]
)
def test_ours_is_the_masked_loss_of_the_formula(dtype, tolerance):
    generator = fresh_generator()
    z = random_units(128, 32, generator, dtype).requires_grad_()
    ids = torch.randint(10, (64,), generator=generator)
    losses = loss.ours(z, ids), loss.reference(z, ids)
    gradients = [torch.autograd.grad(value, z)[0] for value in losses]
    for pair in (losses, gradients):
        torch.testing.assert_close(*pair, rtol=tolerance, atol=tolerance)


def test_the_masked_loss_has_the_analytic_value():
    z = torch.eye(4, dtype=torch.float64)[[0, 1, 0, 1]]
    value = masked_supcon(z, torch.tensor([0, 1, 0, 1]), 0.5)
    assert float(value) == pytest.approx(0.239545, rel=1e-5)


def test_every_row_that_is_measured_has_a_positive():
    z, ids = loss.random_inputs(64, 8)
    assert z.requires_grad and z.shape == (64, 8)
    assert z.norm(dim=1).allclose(torch.ones(64))
    assert relate(ids, loss.NUM_VIEWS).without_positive == 0
    assert loss.seconds(contrastive_loss, z, ids) > 0
    assert z.grad.abs().max() > 0


def test_time_and_memory_are_told(tmp_path, capsys):
    path = tmp_path / 'loss.json'
    sizes = '--rows 2048 --dims 16 --growth 1024 --repeats 1'
    benchmark.main(['loss', '--json', str(path), *sizes.split()])
    time, memory = json.loads(path.read_text())['rows']
    assert time['ours'][0] > 0 and time['reference'][0] > 0
    # The tile of ours is 2048 x 2048; the masked loss has seven of these.
    tile = 16
    assert tile <= memory['ours'][0] <= 2 * tile
    assert memory['reference'][0] >= 5 * tile
    smaller = memory['notes']['1024 rows']
    assert tile / 4 <= float(smaller.removesuffix(' MiB')) <= tile / 2
    assert f'1024 rows {smaller}' in capsys.readouterr().out
