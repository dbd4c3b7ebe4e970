"""CDS on the demo's digits; `make demo` runs it.

    python tools/train.py configs/demo/cds_r18_digits.py

For 1 CPU core with 64 images.  Measured: see the demo's report.
"""

_base_ = [
    '../_base_/models/r18_narrow.py',
    '../_base_/methods/cds.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/digits.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
train_dataloader = dict(dataset=dict(pipeline=_base_.two_views))
data_preprocessor = _base_.two_views_on_device
