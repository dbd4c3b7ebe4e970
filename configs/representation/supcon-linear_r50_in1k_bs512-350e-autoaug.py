r"""SupCon, then a linear head, ResNet-50, ImageNet, batch 512, 350 epochs.

    tools/dist_train.sh \
        configs/representation/supcon-linear_r50_in1k_bs512-350e-autoaug.py 8

Trains the classifier on the frozen backbone of
supcon_r50_in1k_bs512-350e-autoaug.py, for 100 epochs, on one machine. The
schedule is ours. For 8 GPUs with 64 images each. Top-1 74.5 % published (Table
8, schedule unstated); not measured here.
"""

_base_ = [
    '../_base_/models/r50.py',
    '../_base_/methods/linear.py',
    '../_base_/datasets/in1k.py',
    '../_base_/schedules/linear_100e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(batch_size=64)
load_from = 'work_dirs/supcon_r50_in1k_bs512-350e-autoaug/epoch_350.pth'
