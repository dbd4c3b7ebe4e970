"""A linear classifier on a frozen backbone, whose BatchNorm stays too."""

_base_ = './baseline.py'

method = dict(frozen=('backbone',))
