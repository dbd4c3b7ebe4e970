r"""BYOL, ResNet-50, images of your own, 1000 epochs.

    tools/dist_train.sh configs/representation/byol_r50_folder.py 8 \
        --cfg-options train_dataloader.dataset.data_root=data/images/unlabelled

Needs no labels, no classes and no test images: it reads every image in
data_root, at any depth, whatever its folders are called. Convert the backbone
for a detector, or name the checkpoint in the `load_from` of a run that
fine-tunes it. The schedule is its paper's, for ImageNet. For 8 GPUs with 128
images each. With fewer GPUs add --auto-scale-lr. Not measured.
"""

_base_ = [
    '../_base_/models/r50_byol.py',
    '../_base_/datasets/folder_byol.py',
    '../_base_/schedules/byol_1000e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=128)
