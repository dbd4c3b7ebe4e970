r"""SupCon, ResNet-18, images of your own, 350 epochs.

    tools/dist_train.sh configs/representation/supcon_r18_folder.py 8 \
        --cfg-options train_dataloader.dataset.data_root=data/images

Reads data/images/train/<class>/*. Pretrains alone: convert the backbone for a
detector, or name the checkpoint in the `load_from` of a run that fine-tunes
it. Schedule and views are ours. For 8 GPUs with 64 images each. With fewer
GPUs add --auto-scale-lr. Not measured.
"""

_base_ = [
    '../_base_/models/r18.py',
    '../_base_/methods/supcon.py',
    '../_base_/datasets/folder_supcon.py',
    '../_base_/schedules/supcon_in1k_350e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=0.6))
auto_scale_lr = dict(base_batch_size=512)
