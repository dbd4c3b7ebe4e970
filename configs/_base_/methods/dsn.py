"""Deep supervision (DSN) with the branches of DKS and DHM.

Two more classifiers, on stages 2 and 3, that go down again through residual
stages of the backbone's own block.  The branch of stage 3 has twice the width
in the released code of DHM; others have given both branches the same width
(``model.branches.stage3.tower.width_mult=1``).  Backbones that are not made
of four residual stages take the branches of ``dsn_sepconv.py``.
"""

_class_head = dict(type='ClassHead')
method = dict(
    branches=dict(
        stage2=dict(
            type='Branch',
            tower=dict(type='ResidualTower', blocks=('half', 2)),
            head=_class_head,
        ),
        stage3=dict(
            type='Branch',
            tower=dict(type='ResidualTower', blocks=('all',), width_mult=2),
            head=_class_head,
        ),
    ),
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', views=(0,)),
        dsn=dict(type='DeepSupervision', weight=1.0),
    ),
)
