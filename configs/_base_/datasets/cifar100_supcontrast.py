"""CIFAR-100 with the statistics of SupContrast's code."""

_base_ = './cifar100.py'

# Means .5071 .4867 .4408, deviations .2675 .2565 .2761.
data_preprocessor = dict(
    mean=[129.3105, 124.1085, 112.404],
    std=[68.2125, 65.4075, 70.4055],
)
