"""ResNet-18 with the stem that every detector expects."""

model = dict(
    type='DeepSupervisedClassifier',
    memory_format='channels_last',
    backbone=dict(
        type='ResNet',
        depth=18,
        out_indices=(0, 1, 2, 3),
        style='pytorch',
        # The released code does not zero the last BatchNorm of a block.
        zero_init_residual=False,
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=512,
        # It starts as PyTorch starts a linear layer, in the released code of
        # CDS and DHM too, and so do all other classifiers and projections.
        # MMPretrain's own default is N(0, 0.01).
        init_cfg=None,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1, 5),
    ),
)
