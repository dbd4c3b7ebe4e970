"""Deeply-supervised Knowledge Synergy (Sun et al., CVPR 2019).

Deep supervision, and every classifier follows every other one.
"""

_base_ = './dsn.py'

method = dict(
    supervisions=dict(
        dks=dict(type='SynergySupervision', weight=1.0, temperature=1.0)
    )
)
