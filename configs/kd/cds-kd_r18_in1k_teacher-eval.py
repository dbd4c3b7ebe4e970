"""Distilled CDS, ResNet-18, ImageNet, a teacher in evaluation mode.

    tools/dist_train.sh configs/kd/cds-kd_r18_in1k_teacher-eval.py 8

Unlike the released code's, the teacher's BatchNorm takes its running
statistics and not those of the batch.  The rest is cds-kd_r18_in1k.py.  For 8
GPUs with 32 images each.  Top-1 not published; not measured here.
"""

_base_ = './cds-kd_r18_in1k.py'

model = dict(teacher=dict(batchnorm='eval'))
