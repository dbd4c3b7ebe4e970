"""Contrastive Deep Supervision (Zhang et al., ECCV 2022).

Cross entropy on the first view, and a supervised contrastive loss on each
stage: the released code contrasts all four, the formula of the paper the
first three (``model.supervisions.cds.branches="(stage1,stage2,stage3)"``).
"""

method = dict(
    branches=dict(
        # Named stage1 and so on, one for each stage that the backbone gives.
        # No block lies between the last stage and itself: there the contrast
        # is on the very vector that the classifier reads.
        every_stage=dict(type='Branch', tower=dict(type='SepConvTower')),
    ),
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', views=(0,)),
        cds=dict(
            type='ContrastiveSupervision',
            num_views=2,
            weight=0.1,
            temperature=0.07,
            positives='label',
            gather=False,
        ),
    ),
)
