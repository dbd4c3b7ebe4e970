r"""Cross entropy, CSPNeXt-S, images of your own, 90 epochs.

    tools/dist_train.sh configs/baseline_cspnext-s_folder.py 8 --cfg-options \
        train_dataloader.dataset.data_root=data/images \
        val_dataloader.dataset.data_root=data/images model.head.num_classes=20

Reads data/images/train/<class>/* and data/images/val/<class>/*. For RTMDet-s,
with its channel order, mean and std. Optimizer and schedule are those of the
ResNets, which is our choice. For 8 GPUs with 32 images each. With fewer GPUs
add --auto-scale-lr. Not measured.
"""

_base_ = [
    '_base_/models/cspnext-s.py',
    '_base_/methods/baseline.py',
    '_base_/datasets/folder.py',
    '_base_/schedules/in1k_90e.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
data_preprocessor = _base_.network_input
