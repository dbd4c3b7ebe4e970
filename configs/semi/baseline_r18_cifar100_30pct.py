"""Cross entropy, ResNet-18, CIFAR-100, 30 % of the labels, 300 epochs.

    python tools/train.py configs/semi/baseline_r18_cifar100_30pct.py

The twin of CDS with as many iterations, on the labelled images alone. For 1
GPU with 128 images. Top-1 48.6 % published (figure, read off to 0.4; network
unstated); not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar100.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    dataset=dict(
        type='LabelFraction', of='CIFAR100', ratio=0.3, keep='labelled'
    ),
    sampler=dict(type='EqualIterationsSampler'),
)
