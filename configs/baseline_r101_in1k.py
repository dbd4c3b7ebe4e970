"""Cross entropy, ResNet-101, ImageNet, 90 epochs.

    tools/dist_train.sh configs/baseline_r101_in1k.py 8

A teacher. For 8 GPUs with 32 images each. Top-1 not published; not measured
here.
"""

_base_ = [
    '_base_/models/r101.py',
    '_base_/methods/baseline.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_90e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
