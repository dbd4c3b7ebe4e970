r"""Cross entropy, ResNet-18, images of your own, 90 epochs.

    tools/dist_train.sh configs/semi/baseline_r18_folder_labelled.py 8 \
        --cfg-options train_dataloader.dataset.data_root=data/images \
        val_dataloader.dataset.data_root=data/images model.head.num_classes=20

The twin of CDS with as many iterations: the labelled images are repeated until
they are as many as all, also those in data/images/unlabelled. For 8 GPUs with
32 images each. With fewer GPUs add --auto-scale-lr. Not measured.
"""

_base_ = [
    '../_base_/models/r18.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/folder.py',
    '../_base_/schedules/in1k_90e.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(
    dataset=dict(
        type='LabelFraction',
        of='ClassFolder',
        ratio=1.0,
        keep='labelled',
        unlabelled='unlabelled',
    ),
    sampler=dict(type='EqualIterationsSampler'),
)
