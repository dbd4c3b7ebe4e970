"""Contrastive representation distillation (Tian et al., ICLR 2020)."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision'),
        crd=dict(type='ContrastiveRepresentationDistillation', weight=0.8),
    )
)
