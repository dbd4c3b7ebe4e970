"""Images of your own for SupCon, one folder for each class.

The views of ImageNet, of data/images/train/<class>/*; nothing to validate.
"""

_base_ = './in1k_supcon.py'

train_dataloader = dict(
    dataset=dict(type='ClassFolder', data_root='data/images')
)
