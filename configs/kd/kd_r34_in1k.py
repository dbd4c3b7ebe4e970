"""KD, ResNet-34, ImageNet, 90 epochs.

    tools/dist_train.sh configs/kd/kd_r34_in1k.py 8

Cross entropy x 0.5, divergence x 0.5, temperature 1 (torchdistill); teacher:
ResNet-50 that cross entropy trained, our choice, since Table 7 does not name
it. For 8 GPUs with 32 images each. Top-1 74.44 % published (Table 7); not
measured here.
"""

_base_ = [
    '../_base_/models/r34.py',
    '../_base_/methods/kd_in1k.py',
    '../_base_/teachers/r50_in1k.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
