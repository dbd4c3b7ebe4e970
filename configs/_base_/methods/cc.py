"""Correlation congruence (Peng et al., ICCV 2019), form of RepDistiller."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision'),
        cc=dict(type='CorrelationCongruence', weight=0.02, mode='rd'),
    )
)
