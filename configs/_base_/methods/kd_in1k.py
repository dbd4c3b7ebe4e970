"""Knowledge distillation for ImageNet, weights of torchdistill."""

_base_ = './kd.py'

method = dict(
    supervisions=dict(
        ce=dict(weight=0.5), kd=dict(weight=0.5, temperature=1.0)
    )
)
