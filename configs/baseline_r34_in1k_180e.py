"""Cross entropy, ResNet-34, ImageNet, 180 epochs.

    tools/dist_train.sh configs/baseline_r34_in1k_180e.py 8

The twin of CDS with equal views. For 8 GPUs with 32 images each. Top-1 not
published; not measured here.
"""

_base_ = [
    '_base_/models/r34.py',
    '_base_/methods/baseline.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_180e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
