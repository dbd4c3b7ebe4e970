"""CC, ResNet-18, CIFAR-10 files, 300 epochs.

    python tools/train.py configs/kd/cc_r18_cifar10_folder.py

Correlations x 0.02 (RepDistiller); teacher: ResNet-18 that cross entropy
trained. For 1 GPU with 128 images. Top-1 not published; not measured at this
scale; a smaller scale is in docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/cc.py',
    '../_base_/teachers/r18_cifar10_folder.py',
    '../_base_/datasets/cifar10_folder.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    **_base_.method, head=dict(num_classes=10), teacher=_base_.teacher
)
