# What the views of all data sets are made of, and how all are loaded.
#
# A view begins in the loader, in `NAME`, a pipeline, and ends on the device
# for a whole batch, in `NAME_on_device`, settings of the preprocessor. What
# comes first of its operations and needs images of one size stays with the
# loader. A config that takes other views than its data set's sets both.
#
# `LoadRGBImage` leaves samples that are arrays already as they are.
load = dict(type='LoadRGBImage')
pack = dict(type='PackChannelsLast')
test_pack = dict(type='PackInputs')
nothing_on_device = dict(views=None)
flip = dict(type='HorizontalFlip', prob=0.5)
# SSKD: what an image undergoes in each of its four rotations.
quarter_turns = [
    dict(type='RightAngleRotation', quarters=quarters) for quarters in range(4)
]
# The colours of the contrastive view, in the released CDS code.
colours = [
    dict(
        type='RGBColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        prob=0.8,
    ),
    dict(type='RGBGrayscale', prob=0.2),
]
# The colours of BYOL (Grill et al., 2020, appendix B).
byol_colours = [dict(colours[0], saturation=0.2), colours[1]]

data_preprocessor = dict(
    type='MultiViewDataPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=False,
)

# Workers end with the epoch: PyTorch refuses persistent workers where
# `num_workers=0` is set on the command line.
_loader = dict(num_workers=2, pin_memory=True, persistent_workers=False)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='collate_views'),
    **_loader,
)
val_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(test_mode=True),
    collate_fn=dict(type='default_collate'),
    **_loader,
)
test_dataloader = val_dataloader

val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
