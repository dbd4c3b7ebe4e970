"""Attention transfer (Zagoruyko and Komodakis, ICLR 2017), RepDistiller."""

method = dict(
    supervisions=dict(
        ce=dict(type='CrossEntropySupervision'),
        at=dict(type='AttentionTransfer', weight=1000.0, mode='code'),
    )
)
