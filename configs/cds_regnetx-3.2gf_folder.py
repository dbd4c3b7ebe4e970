r"""CDS, RegNetX-3.2GF, images of your own, 90 epochs.

    tools/dist_train.sh configs/cds_regnetx-3.2gf_folder.py 8 --cfg-options \
        train_dataloader.dataset.data_root=data/images \
        val_dataloader.dataset.data_root=data/images model.head.num_classes=20

Reads data/images/train/<class>/* and data/images/val/<class>/*. Optimizer and
schedule are those of the ResNets, which is our choice. For 8 GPUs with 32
images each. With fewer GPUs add --auto-scale-lr. Not measured.
"""

_base_ = [
    '_base_/models/regnetx-3.2gf.py',
    '_base_/methods/cds.py',
    '_base_/datasets/folder.py',
    '_base_/schedules/in1k_90e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views))
data_preprocessor = _base_.two_views_on_device
