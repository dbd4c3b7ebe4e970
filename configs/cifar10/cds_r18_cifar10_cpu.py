"""CDS, a narrow ResNet-18, CIFAR-10 on a CPU.

    python tools/train.py configs/cifar10/cds_r18_cifar10_cpu.py

With the standard stem, on images enlarged to 64 x 64, so that detectors can
use it.  For 1 CPU core with 64 images.  Measured: see docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_narrow.py',
    '../_base_/methods/cds.py',
    '../_base_/datasets/cifar10_64.py',
    '../_base_/schedules/cpu_20e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views))
data_preprocessor = _base_.two_views_on_device
