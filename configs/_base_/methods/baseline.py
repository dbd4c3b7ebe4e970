"""Cross entropy alone."""

method = dict(
    supervisions=dict(ce=dict(type='CrossEntropySupervision', views=(0,)))
)
