"""Choices and defaults that command lines offer and the library takes.

Here, since a command line must know them before it imports torch or a host.
"""

from pathlib import Path

# Libraries that a converted file can be for, and its formats.
TARGETS = ('mmdet', 'torchvision', 'timm', 'detectron2', 'hf', 'onnx')
FORMATS = ('pth', 'safetensors')
# Pictures of features.
EMBEDDINGS = ('tsne', 'pca')
# Numbers of bins of the calibration error; the first is the diagram's.
BINS = (15, 5)
# Where runs of tables, and the tables, are written.
ROWS = Path('work_dirs/rows')
