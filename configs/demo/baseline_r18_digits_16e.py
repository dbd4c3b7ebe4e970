"""Cross entropy on the demo's digits, with as many views as CDS has.

    python tools/train.py configs/demo/baseline_r18_digits_16e.py

For 1 CPU core with 64 images.  Measured: see the demo's report.
"""

_base_ = [
    '../_base_/models/r18_narrow.py',
    '../_base_/methods/baseline.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/digits.py',
    '../_base_/default_runtime.py',
]

model = dict(**_base_.method)
param_scheduler = dict(total_steps=16)
train_cfg = dict(max_epochs=16)
