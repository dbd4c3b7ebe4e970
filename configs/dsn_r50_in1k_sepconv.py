"""DSN, ResNet-50, ImageNet, towers of CDS, 90 epochs.

    tools/dist_train.sh configs/dsn_r50_in1k_sepconv.py 8

The controlled twin of CDS. For 8 GPUs with 32 images each. Top-1 not
published; not measured here.
"""

_base_ = [
    '_base_/models/r50.py',
    '_base_/methods/dsn_sepconv.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_90e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
