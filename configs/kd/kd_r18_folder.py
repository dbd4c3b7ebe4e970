r"""KD, ResNet-18, images of your own, 90 epochs.

    tools/dist_train.sh configs/kd/kd_r18_folder.py 8 --cfg-options \
        train_dataloader.dataset.data_root=data/images \
        val_dataloader.dataset.data_root=data/images \
        model.head.num_classes=20 \
        model.teacher.config=work_dirs/baseline_r50_folder/baseline_r50_folder.py

Reads data/images/train/<class>/* and data/images/val/<class>/*; train
configs/baseline_r50_folder.py with them first. Cross entropy x 0.5, divergence
x 0.5, temperature 1 (torchdistill); teacher: ResNet-50 that cross entropy
trained. For 8 GPUs with 32 images each. With fewer GPUs add --auto-scale-lr.
Not measured.
"""

_base_ = [
    '../_base_/models/r18.py',
    '../_base_/methods/kd_in1k.py',
    '../_base_/teachers/r50_folder.py',
    '../_base_/datasets/folder.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method, teacher=_base_.teacher)
