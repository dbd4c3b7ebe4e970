"""Cross entropy, ResNet-50, Stanford Dogs, from cross entropy on ImageNet.

    python tools/train.py configs/finegrained/baseline_r50_dogs.py

Fine-tunes work_dirs/baseline_r50_in1k/backbone.pth, which
tools/convert_backbone.py makes. For 1 GPU with 64 images. Top-1 76.47 %
published (Table 6, recipe unstated); not measured here.
"""

_base_ = [
    '../_base_/models/r50_pretrained.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/dogs.py',
    '../_base_/schedules/finetune_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, head=dict(num_classes=120))
