"""CDS, ResNet-50, ImageNet, 350 epochs, AutoAugment on both views.

    tools/dist_train.sh configs/cds_r50_in1k_350e-autoaug-both.py 8

For 8 GPUs with 32 images each.  Top-1 not published apart: the table does not
say which view AutoAugment is on.  Not measured here.
"""

_base_ = './cds_r50_in1k_350e-autoaug.py'

train_dataloader = dict(dataset=dict(pipeline=_base_.two_views_autoaug_both))
data_preprocessor = _base_.two_views_autoaug_both_on_device
