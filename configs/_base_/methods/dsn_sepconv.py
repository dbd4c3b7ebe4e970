"""Deep supervision (DSN) on the towers of CDS: its controlled twin."""

_class_branch = dict(
    type='Branch',
    tower=dict(type='SepConvTower'),
    head=dict(type='ClassHead'),
)
method = dict(
    branches=dict(
        stage1=_class_branch, stage2=_class_branch, stage3=_class_branch
    ),
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', views=(0,)),
        dsn=dict(type='DeepSupervision', weight=1.0),
    ),
)
