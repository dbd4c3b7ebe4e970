"""On-the-fly Native Ensemble (Lan et al., NeurIPS 2018); OKD in the tables.

Three classifiers that share all but the last stage, a gate that mixes them,
and no teacher.  The released code is for networks of three stages, whose last
one is branched; here it is the last of four.
"""

_peer = dict(
    type='Branch',
    tap='stage3',
    tower=dict(type='ResidualTower', blocks=('all',)),
    head=dict(type='ClassHead'),
)
method = dict(
    branches=dict(peer1=_peer, peer2=_peer),
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', views=(0,)),
        dsn=dict(type='DeepSupervision', weight=1.0),
        one=dict(
            type='EnsembleSupervision',
            temperature=3.0,
            # 80 of 300 epochs; 24 of 90.
            ramp=80 / 300,
        ),
    ),
)
