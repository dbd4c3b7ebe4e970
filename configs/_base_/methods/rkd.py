"""Relational knowledge distillation (Park et al., CVPR 2019), RepDistiller."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision'),
        rkd=dict(
            type='RelationalDistillation',
            distance_weight=25.0,
            angle_weight=50.0,
        ),
    )
)
