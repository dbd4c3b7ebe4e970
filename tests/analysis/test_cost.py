"""What a step costs, against what is known of the networks."""

import pytest

from cds_mm.analysis.bench import Bench
from cds_mm.analysis.cost import cost_of, cost_table, measure
from cds_mm.testing import CONFIGS


def path(method):
    return str(CONFIGS / 'cifar10' / f'{method}_r18_cifar10_folder.py')


def conv_macs(cin, cout, kernel, side, groups=1):
    return cin // groups * cout * kernel**2 * side**2


def test_counts_of_cds():
    cost = cost_of(Bench(path('cds'), batch_size=2))
    assert cost.parameters == 11_220_132 - 90 * 513
    assert cost.extra_parameters == 726_528
    # ResNet-18 with the CIFAR stem, layer by layer.
    macs = conv_macs(3, 64, 3, 32) + 512 * 10
    side, cin = 32, 64
    for cout in (64, 128, 256, 512):
        side = side // 2 if cout > 64 else side
        macs += conv_macs(cin, cout, 3, side)
        macs += 3 * conv_macs(cout, cout, 3, side)
        macs += conv_macs(cin, cout, 1, side) if cin != cout else 0
        cin = cout
    assert cost.macs == pytest.approx(macs)
    # Two views of that, and their towers.
    towers = 0
    for tap, side in ((64, 32), (128, 16), (256, 8)):
        while tap < 512:
            side //= 2
            towers += 2 * conv_macs(tap, tap, 3, side, groups=tap)
            towers += conv_macs(tap, tap, 1, side)
            towers += conv_macs(tap, 2 * tap, 1, side)
            tap *= 2
    heads = cost.training_macs - 2 * macs
    assert heads >= 2 * towers
    # The rest is the similarity of 4 rows on 4 stages, two images.
    assert heads == pytest.approx(2 * towers + 4 * 16 * 512 / 2, rel=1e-3)


@pytest.mark.slow
def test_a_table_of_two(tmp_path):
    costs = measure([path('baseline'), path('dsn')], 2, 2)
    assert [len(cost.seconds) for cost in costs] == [2, 2]
    assert all(cost.peak_mb > 100 for cost in costs)
    # The branches of DSN and what the optimizer keeps of them.
    assert costs[1].peak_mb > costs[0].peak_mb + 100
    facts, _, *lines = cost_table(costs, 2).splitlines()
    assert '2 images a step' in facts
    assert len(lines) == 4
    assert '| 1.00 x |' in lines[2]
