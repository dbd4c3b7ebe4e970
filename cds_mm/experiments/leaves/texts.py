"""What is particular about leaf configs, under the words of the table.

In each, ``{model}``, ``{data}``, ``{variant}`` and the like are filled.
"""

_TUNES = (
    'Fine-tunes work_dirs/baseline_r50_in1k/backbone.pth, which '
    'tools/convert_backbone.py makes.'
)
_SUPCON = (
    'Pretrains alone; supcon-linear_{model}_{data}_{variant}.py builds on it'
)
_LINEAR = (
    'Trains the classifier on the frozen backbone of '
    'supcon_{model}_{data}_{variant}.py, for 100 epochs'
)
_BYOL = 'Without labels; byol_{model}_{data}_80e.py fine-tunes it.'
_ROTATIONS = (
    'Learns which rotated image is which, on a network that cross entropy '
    'trained and that stays as it is (%s). No best epoch is kept, since it '
    'would be the first.'
)
_EQUAL_EPOCHS = 'The twin of CDS with equal epochs'
_FOLDERS = 'data/images/train/<class>/* and data/images/val/<class>/*'
_ANY_DEPTH = (
    'Needs no labels, no classes and no test images: it reads every image in '
    'data_root, at any depth, whatever its folders are called.'
)
NOTES: dict[str, str | dict[str, str]] = {
    '': '',
    'a teacher': 'A teacher.',
    'equal epochs': f'{_EQUAL_EPOCHS}.',
    'equal views': 'The twin of CDS with equal views.',
    'with Cutout': f'{_EQUAL_EPOCHS}; its one view is the first view of CDS, '
    'with Cutout.',
    'twin of towers': 'The controlled twin of CDS.',
    'no max-pool': 'That network never calls its max-pool: four times the '
    'arithmetic, and no detector can use the result, since the same keys '
    'compute another function.',
    'class folders': f'Reads {_FOLDERS}.',
    'folders with AdamW': f'Reads {_FOLDERS}. AdamW and its schedule are '
    'ours: the usual values of this network.',
    'folders with SGD': f'Reads {_FOLDERS}. Optimizer and schedule are those '
    'of the ResNets, which is our choice.',
    'folders for RTMDet': f'Reads {_FOLDERS}. For RTMDet-s, with its channel '
    'order, mean and std. Optimizer and schedule are those of the ResNets, '
    'which is our choice.',
    'folders for YOLOX': f'Reads {_FOLDERS}. For YOLOX-s, with its channel '
    'order and range. Optimizer and schedule are those of the ResNets, which '
    'is our choice.',
    'labelled folders': 'The twin of CDS with as many iterations: the '
    'labelled images are repeated until they are as many as all, also those '
    'in data/images/unlabelled.',
    'unlabelled folders': 'For images of which many have no label. Reads '
    f'{_FOLDERS} and, without classes and at any depth, '
    'data/images/unlabelled/*; another folder is set with '
    '`train_dataloader.dataset.unlabelled`.',
    'own teacher': f'Reads {_FOLDERS}; train configs/baseline_r50_folder.py '
    'with them first. Cross entropy x 0.5, divergence x 0.5, '
    'temperature 1 (torchdistill)',
    'tunes': _TUNES,
    'one reading': f'{_TUNES} One of two readings of the table: the other has '
    'the method in pretraining alone.',
    'other reading': 'The other reading of Table 6 ({other} %): the method in '
    'pretraining only.',
    'labelled alone': 'The twin of CDS with as many iterations, on the '
    'labelled images alone.',
    'unlabelled too': 'The others are unlabelled images of the same batches.',
    'rotations': _ROTATIONS % 'released code',
    'torchdistill rotations': _ROTATIONS % 'torchdistill',
    'SupCon of ours': f'{_SUPCON}, and has its number. The schedule is ours.',
    'SupContrast': f'{_SUPCON}. Schedule and views are those of '
    "SupContrast's code.",
    'SupCon of folders': 'Reads data/images/train/<class>/*. Pretrains '
    'alone: convert the backbone for a detector, or name the checkpoint in '
    'the `load_from` of a run that fine-tunes it. Schedule and views '
    'are ours.',
    'linear of ours': f'{_LINEAR}, on one machine. The schedule is ours.',
    'linear of SupContrast': f'{_LINEAR}; tools/run_row.py runs both. The '
    "schedule is that of SupContrast's code, which has 76.5 % with ResNet-50.",
    'BYOL of its paper': f"{_BYOL} The schedule is its paper's.",
    'BYOL of ours': f'{_BYOL} Our choice: the recipe of ImageNet without '
    'blur, batch 512, crops as SupContrast has them, 0.2 as the learning rate '
    'for each 256 images.',
    'BYOL of folders': f'{_ANY_DEPTH} Convert the backbone for a detector, or '
    'name the checkpoint in the `load_from` of a run that fine-tunes it. The '
    "schedule is its paper's, for ImageNet.",
    'after BYOL': 'Trains all layers, from the backbone of '
    'byol_{model}_{data}_pretrain-1000e.py; tools/run_row.py runs both. The '
    'schedule is ours.',
    'frozen BatchNorm': 'BatchNorm keeps the statistics of pretraining, as '
    'MMDetection does.',
    'Pascal VOC': 'BatchNorm keeps the statistics of pretraining, as '
    'MMDetection does. Reads data/VOCdevkit/{{VOC2007,VOC2012}} and tests on '
    'the test set of 2007, whose archive is another one than that of its '
    'trainval.',
    'DINO': 'BatchNorm keeps the statistics of pretraining, as MMDetection '
    'does. Without compiled operations cds_mm.ops runs its deformable '
    'attention.',
    'one stage': 'All layers are trained. The backbone has seen images in the '
    'channel order of this detector, with its mean and std.',
    'SyncBN': 'The other BatchNorm regime, with nothing frozen: a recipe that '
    'freezes can hide or invent a gain. On one process or without a GPU the '
    'SyncBN is plain BatchNorm.',
    # Weights, with the code that has them.
    'CIFAR weights': {
        'kd': 'Cross entropy x 0.1, divergence x 0.9, temperature 4 '
        '(RepDistiller)',
        'at': 'Attention x 1000 on all stages (RepDistiller)',
        'rkd': 'Distances x 25, angles x 50 (RepDistiller)',
        'sp': 'Similarities x 3000 on the last stage (RepDistiller)',
        'cc': 'Correlations x 0.02 (RepDistiller)',
        'crd': 'Contrast x 0.8, 16384 negatives (RepDistiller)',
        'cds-kd': 'Contrast and projections x 0.1, logits x 1, temperature 3 '
        '(released code)',
        'sskd': 'Weights 0.1, 0.9, 2.7 and 10, temperatures 4 and 0.5 '
        "(SSKD's code, which has 240 epochs of 64 images at 0.05; here the "
        'schedule of the others)',
    },
    'ImageNet weights': {
        'kd': 'Cross entropy x 0.5, divergence x 0.5, temperature 1 '
        '(torchdistill)',
        'at': 'Attention x 1000 on the last two stages (torchdistill)',
        'rkd': 'Distances x 25, angles x 50 (MMRazor, RepDistiller)',
        'sp': 'Similarities x 3000 on the last stage (RepDistiller, for '
        'CIFAR)',
        'cc': 'Correlations x 0.02 (RepDistiller, for CIFAR)',
        'crd': 'Contrast x 0.8, 16384 negatives (RepDistiller), on each GPU '
        '1.3 GB of banks, twice that in a step',
        'cds-kd': 'Contrast and projections x 0.5, logits x 1, temperature 1 '
        '(released script)',
        'sskd': 'Cross entropy x 1, weight decay 5e-4 and views are '
        "torchdistill's, the other weights SSKD's",
    },
}
# What is said of a score that is not published for the very config.
SCORES = {
    '': 'Top-1 not published',
    'which view': 'Top-1 not published apart: the table does not say which '
    'view AutoAugment is on',
    'which augmentation': 'Top-1 not published apart: the table does not say '
    'which augmentation its baseline has',
    'as released': 'Whether the published 78.25 % come from it is not known',
    'other reading': '',
    'pair': 'Top-1 not published for this pair',
    "that network's": "Top-1 is that network's",
    'no classifier': 'Top-1: there is no classifier',
    'not of this paper': 'Top-1 not published by this paper',
    'no box AP': 'Box AP not published',
    'no mask AP': 'Box and mask AP not published',
    'no mAP': 'AP50 (11 points) not published',
}
