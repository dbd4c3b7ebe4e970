"""DSN, ResNet-50, CUB-200-2011, from cross entropy on ImageNet.

    python tools/train.py configs/finegrained/dsn_r50_cub.py

Fine-tunes work_dirs/baseline_r50_in1k/backbone.pth, which
tools/convert_backbone.py makes. One of two readings of the table: the other
has the method in pretraining alone. For 1 GPU with 64 images. Top-1 80.14 %
published (Table 6, recipe unstated); not measured here.
"""

_base_ = [
    '../_base_/models/r50_pretrained.py',
    '../_base_/methods/dsn.py',
    '../_base_/datasets/cub.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=200))
