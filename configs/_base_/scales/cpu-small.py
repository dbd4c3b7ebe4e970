"""For a CPU core, smaller: an eighth of the width, 1/15 of the epochs.

Otherwise as the scale `cpu`: 300 epochs become 20, 64 channels 8.  What a
student learns from has the scale `cpu`, with 16 channels.
"""

_base_ = './cpu.py'

width = 1 / 8
epochs = 1 / 15
teachers = 'cpu'
