"""The fingerprint survives noise and shows every real mismatch."""

import copy
import json
import random

import numpy as np
import pytest
import torch
from precision import full_precision, tf32

from cds_mm.checkpoint.fingerprints import (
    TOLERANCE,
    differences,
    fingerprint,
    of_features,
)
from cds_mm.checkpoint.probe_image import raw_image, stage_features
from cds_mm.errors import UserError


def test_raw_image_is_fixed():
    y, x = np.mgrid[:128, :128]
    red = (3 * x + y) % 256
    green = (x * x // 64 + 2 * y + 40) % 200
    blue = 10 + 60 * ((x // 12 + y // 20) % 2) + x * y // 160
    expected = np.stack([red, green, blue])
    assert expected.min() >= 0
    assert expected.max() <= 255
    image = raw_image().numpy()
    assert image.dtype == np.uint8
    assert np.array_equal(image, expected)
    assert np.array_equal(raw_image('bgr').numpy(), expected[::-1])
    means = expected.mean(axis=(1, 2))
    assert (
        np.abs(np.subtract.outer(means, means))[~np.eye(3, dtype=bool)].min()
        > 10
    )


def gap(expected, found):
    return max(differences(expected, found).values())


@pytest.fixture
def network(mm_backbone):
    return mm_backbone(type='ResNet', depth=18, base_channels=32)


@pytest.fixture
def bottleneck(mm_backbone):
    return mm_backbone(type='ResNet', depth=50)


def test_plain_values_that_json_keeps(network, record):
    print_ = fingerprint(network, record())
    assert json.loads(json.dumps(print_)) == print_
    assert sorted(print_['stages']) == ['0', '1', '2', '3']
    assert gap(print_, fingerprint(network, record())) == 0


def test_survives_noise(network, record):
    expected = fingerprint(network, record())
    noisy = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in noisy.parameters():
            parameter.mul_(1 + 1e-6 * torch.randn_like(parameter))
    assert gap(expected, fingerprint(noisy, record())) < TOLERANCE / 2
    network.to(memory_format=torch.channels_last)
    assert gap(expected, fingerprint(network, record())) < TOLERANCE / 10


def test_survives_other_precision(network, record):
    expected = fingerprint(network, record())
    from cds_mm.checkpoint.probe_image import normalised_image

    inputs = normalised_image(record()).double()
    exact = of_features(stage_features(network.double(), inputs))
    assert gap(expected, exact) < TOLERANCE / 10


@pytest.mark.parametrize(
    'changes',
    [
        {'channel_order': 'bgr'},
        {'mean': [123.675, 116.28, 104.53]},
        {'mean': [122.675, 116.28, 103.53]},
        {'mean': [103.53, 116.28, 123.675]},
        {'std': [58.395, 57.12, 56.375]},
        {'std': [1.0, 1.0, 1.0]},
    ],
    ids=str,
)
def test_sees_other_preprocessing(network, record, changes):
    expected = fingerprint(network, record())
    found = differences(expected, fingerprint(network, record(**changes)))
    print(found)
    assert max(found.values()) > 2 * TOLERANCE


def test_sees_other_stride_style(bottleneck, mm_backbone, record):
    other = mm_backbone(type='ResNet', depth=50, style='caffe')
    other.load_state_dict(bottleneck.state_dict())
    expected = fingerprint(bottleneck, record())
    found = differences(expected, fingerprint(other, record()))
    # With strides of 1 stage 1 is the same network in both styles.
    assert found[0] == 0
    assert found[1] > 10 * TOLERANCE


def test_sees_a_missing_maxpool(network, record):
    expected = fingerprint(network, record())
    network.maxpool = torch.nn.Identity()
    assert gap(expected, fingerprint(network, record())) > 10 * TOLERANCE


def test_sees_one_fresh_layer(network, record):
    expected = fingerprint(network, record())
    names = [
        n for n, m in network.named_modules() if hasattr(m, 'kernel_size')
    ]
    names = [n for n in names if 'conv' in n]
    name = random.choice(names)
    print(name)
    torch.nn.init.kaiming_normal_(network.get_submodule(name).weight)
    assert gap(expected, fingerprint(network, record())) > 2 * TOLERANCE


def test_sees_fresh_statistics_of_one_norm(network, record):
    expected = fingerprint(network, record())
    norms = [m for m in network.modules() if hasattr(m, 'running_mean')]
    random.choice(norms).reset_running_stats()
    assert gap(expected, fingerprint(network, record())) > 2 * TOLERANCE


def test_not_finite_is_no_match(network, record):
    expected = fingerprint(network, record())
    network.layer4[1].conv1.weight.data[0, 0] = float('nan')
    found = differences(expected, fingerprint(network, record()))
    assert found[3] == float('inf')
    assert found[2] == 0


def test_tf32_is_off_meanwhile_and_comes_back(network, record):
    seen = []
    network.register_forward_hook(lambda *_: seen.append(tf32()))
    before = tf32()
    fingerprint(network, record())
    assert seen == [full_precision()]
    assert tf32() == before != full_precision()


def test_leaves_the_network_as_it_was(network, record):
    network.train()
    network.layer1.eval()
    modes = [m.training for m in network.modules()]
    before = copy.deepcopy(network.state_dict())
    fingerprint(network, record())
    assert [m.training for m in network.modules()] == modes
    assert network.out_indices == (3,)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_other_versions_are_refused(network, record):
    found = fingerprint(network, record())
    with pytest.raises(UserError, match='version'):
        differences({**found, 'version': 0}, found)
    with pytest.raises(UserError, match='out_indices'):
        differences(found, {**found, 'stages': {}})
