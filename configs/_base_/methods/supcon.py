"""SupCon (Khosla et al., NeurIPS 2020): contrast by label, no classifier.

An MLP on the pooled last stage, which nothing of the second stage reads, and
the loss over the whole batch, for which it is defined: ``gather`` is on.
"""

method = dict(
    head=None,
    branches=dict(
        last_stage=dict(
            type='Branch',
            tower=dict(type='IdentityTower'),
            head=dict(type='ProjectionHead', hidden='same', out_channels=128),
        )
    ),
    supervisions=dict(
        supcon=dict(
            type='ContrastiveSupervision',
            num_views=2,
            weight=1.0,
            temperature=0.1,
            # As in the authors' code: the loss is 1.43 times as large.
            base_temperature=0.07,
            positives='label',
            gather=True,
        )
    ),
)
