"""Knowledge distillation (Hinton et al., 2015), weights of RepDistiller."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision', weight=0.1),
        kd=dict(type='LogitDistillation', weight=0.9, temperature=4.0),
    )
)
