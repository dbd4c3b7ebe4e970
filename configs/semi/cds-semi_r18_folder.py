r"""CDS, ResNet-18, images of your own, 90 epochs.

    tools/dist_train.sh configs/semi/cds-semi_r18_folder.py 8 --cfg-options \
        train_dataloader.dataset.data_root=data/images \
        val_dataloader.dataset.data_root=data/images model.head.num_classes=20

For images of which many have no label. Reads data/images/train/<class>/* and
data/images/val/<class>/* and, without classes and at any depth,
data/images/unlabelled/*; another folder is set with
`train_dataloader.dataset.unlabelled`. For 8 GPUs with 32 images each. With
fewer GPUs add --auto-scale-lr. Not measured.
"""

_base_ = [
    '../_base_/models/r18.py',
    '../_base_/methods/cds-semi.py',
    '../_base_/datasets/folder.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    dataset=dict(unlabelled='unlabelled', pipeline=_base_.two_views)
)
data_preprocessor = _base_.two_views_on_device
