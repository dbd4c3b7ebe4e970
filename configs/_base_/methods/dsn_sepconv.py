"""Deep supervision (DSN) on the towers of CDS: its controlled twin."""

method = dict(
    branches=dict(
        every_stage_but_last=dict(
            type='Branch',
            tower=dict(type='SepConvTower'),
            head=dict(type='ClassHead'),
        )
    ),
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', views=(0,)),
        dsn=dict(type='DeepSupervision', weight=1.0),
    ),
)
