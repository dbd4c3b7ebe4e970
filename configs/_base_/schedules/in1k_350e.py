"""ImageNet, 350 epochs: the drops of 90 epochs, at the same shares of it.

Table 8 has a CDS run of 350 epochs without its schedule.
"""

_base_ = './in1k_90e.py'

param_scheduler = dict(milestones=[117, 233])
train_cfg = dict(max_epochs=350)
