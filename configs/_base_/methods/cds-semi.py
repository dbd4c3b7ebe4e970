"""CDS with few labels (Zhang et al., ECCV 2022; no code was released).

Cross entropy on the labelled images alone, and contrast of all images, whose
positives are their own other view.  What the labels are worth there:
``model.supervisions.cds.positives=label`` also takes the images of the same
class, where it is known.  Weights and temperature are those of CDS.
"""

_base_ = './cds.py'

method = dict(supervisions=dict(cds=dict(positives='instance')))
