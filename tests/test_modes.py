"""Training flags of modules."""

import pytest
from torch import nn

from cds_mm.modes import evaluation_mode


def flags(model):
    return [module.training for module in model.modules()]


def test_every_flag_comes_back():
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Sequential(nn.Dropout()))
    model[0].eval()
    with evaluation_mode(model):
        assert not any(flags(model))
    assert flags(model) == [True, False, True, True]
    with pytest.raises(KeyError), evaluation_mode(model):
        raise KeyError
    assert flags(model) == [True, False, True, True]
