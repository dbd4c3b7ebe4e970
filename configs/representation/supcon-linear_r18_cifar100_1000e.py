r"""SupCon, then a linear head, ResNet-18, CIFAR-100, 1000 epochs.

    python tools/train.py \
        configs/representation/supcon-linear_r18_cifar100_1000e.py

Trains the classifier on the frozen backbone of supcon_r18_cifar100_1000e.py,
for 100 epochs; tools/run_row.py runs both. The schedule is that of
SupContrast's code, which has 76.5 % with ResNet-50. For 1 GPU with 512 images.
Top-1 not published by this paper; not measured here.
"""

_base_ = [
    '../_base_/models/r18_cifar.py',
    '../_base_/methods/linear.py',
    '../_base_/datasets/cifar100_supcontrast.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    batch_size=512, dataset=dict(pipeline=_base_.one_view_resized)
)
load_from = 'work_dirs/supcon_r18_cifar100_1000e/epoch_1000.pth'
data_preprocessor = _base_.one_view_resized_on_device
