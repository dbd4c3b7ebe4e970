"""Cross entropy, ResNet-50, ImageNet, 10 % of the labels, 90 epochs.

    tools/dist_train.sh configs/semi/baseline_r50_in1k_10pct.py 8

The twin of CDS with as many iterations, on the labelled images alone. For 8
GPUs with 32 images each. Top-1 not published; not measured here.
"""

_base_ = [
    '../_base_/models/r50.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    dataset=dict(
        type='LabelFraction', of='ImageNet', ratio=0.1, keep='labelled'
    ),
    sampler=dict(type='EqualIterationsSampler'),
)
