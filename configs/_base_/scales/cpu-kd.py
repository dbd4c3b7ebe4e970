"""For distillation on a CPU core: 8-channel students, 16-channel teachers.

As the scale `cpu`, but an eighth of the width and 1/15 of the epochs, 20 for
300; what a student learns from is trained at the scale `cpu`.
"""

_base_ = './cpu.py'

width = 1 / 8
epochs = 1 / 15
teachers = 'cpu'
