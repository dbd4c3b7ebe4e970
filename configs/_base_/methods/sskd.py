"""SSKD (Xu et al., ECCV 2020), its second stage: the student.

Weights and temperatures of the released code.
"""

_base_ = './sskd-teacher.py'

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', weight=0.1),
        kd=dict(type='LogitDistillation', weight=0.9, temperature=4.0),
        turned=dict(
            type='LogitDistillation',
            weight=2.7,
            temperature=4.0,
            views=(1, 2, 3),
            keep_wrong=1.0,
        ),
        rotations=dict(
            type='RotationDistillation',
            weight=10.0,
            temperature=0.5,
            keep_wrong=0.75,
        ),
    )
)
