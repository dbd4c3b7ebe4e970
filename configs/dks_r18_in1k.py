"""DKS, ResNet-18, ImageNet, 90 epochs.

    tools/dist_train.sh configs/dks_r18_in1k.py 8

For 8 GPUs with 32 images each. Top-1 71.32 % published (Table 3, the DKS
paper's own number); not measured here.
"""

_base_ = [
    '_base_/models/r18.py',
    '_base_/methods/dks.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_90e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
