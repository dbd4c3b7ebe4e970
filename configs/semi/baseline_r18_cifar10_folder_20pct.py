"""Cross entropy, ResNet-18, CIFAR-10 files, 20 % of the labels, 300 epochs.

    python tools/train.py configs/semi/baseline_r18_cifar10_folder_20pct.py

The twin of CDS with as many iterations, on the labelled images alone. For 1
GPU with 128 images. Top-1 78.6 % published (figure, read off to 0.4; network
unstated); not measured at this scale; a smaller scale is in docs/results.md.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/cifar10_folder.py',
    '../_base_/schedules/cifar_300e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=10))
train_dataloader = dict(
    dataset=dict(
        type='LabelFraction', of='ClassFolder', ratio=0.2, keep='labelled'
    ),
    sampler=dict(type='EqualIterationsSampler'),
)
