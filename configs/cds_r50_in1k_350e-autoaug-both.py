"""CDS, ResNet-50, ImageNet, 350 epochs, AutoAugment on both views.

    tools/dist_train.sh configs/cds_r50_in1k_350e-autoaug-both.py 8

For 8 GPUs with 32 images each. Top-1 not published apart: the table does not
say which view AutoAugment is on; not measured here.
"""

_base_ = [
    '_base_/models/r50.py',
    '_base_/methods/cds.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_350e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views_autoaug_both))
data_preprocessor = _base_.two_views_autoaug_both_on_device
