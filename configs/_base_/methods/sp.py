"""Similarity-preserving distillation (Tung and Mori, ICCV 2019)."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision'),
        sp=dict(type='SimilarityPreserving', weight=3000.0, stages=1),
    )
)
