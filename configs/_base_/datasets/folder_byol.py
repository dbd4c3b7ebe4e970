"""Images of your own for BYOL, without labels; nothing to validate.

The views of ImageNet, of every image in ``data_root``, at any depth.
"""

_base_ = './in1k_byol.py'

train_dataloader = dict(
    dataset=dict(
        type='ClassFolder',
        data_root='data/images/unlabelled',
        split='',
        with_label=False,
    )
)
