"""Distilled CDS, ResNet-18, CIFAR-100, a teacher in evaluation mode.

    python tools/train.py configs/kd/cds-kd_r18_cifar100_teacher-eval.py

Unlike the released code's, the teacher's BatchNorm takes its running
statistics and not those of the batch.  The rest is cds-kd_r18_cifar100.py.
For 1 GPU with 128 images.  Top-1 not published; not measured here.
"""

_base_ = './cds-kd_r18_cifar100.py'

model = dict(teacher=dict(batchnorm='eval'))
