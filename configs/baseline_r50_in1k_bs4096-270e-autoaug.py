r"""Cross entropy, ResNet-50, ImageNet, batch 4096, 270 epochs, AutoAugment.

    NNODES=4 tools/dist_train.sh \
        configs/baseline_r50_in1k_bs4096-270e-autoaug.py 8

For 32 GPUs with 128 images each. Top-1 77.6 % published (Table 8, its second
baseline); not measured here.
"""

_base_ = [
    '_base_/models/r50.py',
    '_base_/methods/baseline.py',
    '_base_/datasets/in1k.py',
    '_base_/schedules/in1k_270e_bs4096.py',
    '_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    batch_size=128, dataset=dict(pipeline=_base_.one_view_autoaug)
)
data_preprocessor = _base_.one_view_autoaug_on_device
