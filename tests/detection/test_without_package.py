"""Detection configs work where `import cds_mm` fails."""

import subprocess
import sys
import textwrap

import pytest

from cds_mm.testing import CONFIGS

# A test-only `mmcv._ext`, in place of a compiled one, with nothing of ours.
SCRIPT = """
import importlib.machinery, sys, types
import torch, torchvision.ops as tv

sys.modules['cds_mm'] = None  # every import of it fails

class Extension(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return lambda *args, **kwargs: (_ for _ in ()).throw(
            NotImplementedError(name))

ext = Extension('mmcv._ext')
ext.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', None)
ext.nms = lambda boxes, scores, iou_threshold, offset: tv.nms(
    boxes, scores, iou_threshold)

def roi_align_forward(features, rois, output, argmax_y, argmax_x,
                      aligned_height, aligned_width, spatial_scale,
                      sampling_ratio, pool_mode, aligned):
    output.copy_(tv.roi_align(
        features, rois, (aligned_height, aligned_width), spatial_scale,
        sampling_ratio, aligned))

def roi_align_backward(grad, rois, argmax_y, argmax_x, grad_input,
                       aligned_height, aligned_width, spatial_scale,
                       sampling_ratio, pool_mode, aligned):
    features = torch.zeros_like(grad_input).requires_grad_()
    with torch.enable_grad():
        out = tv.roi_align(
            features, rois, (aligned_height, aligned_width), spatial_scale,
            sampling_ratio, aligned)
    grad_input.copy_(torch.autograd.grad(out, features, grad)[0])

ext.roi_align_forward = roi_align_forward
ext.roi_align_backward = roi_align_backward
sys.modules['mmcv._ext'] = ext

from mmengine.config import Config
from mmengine.registry import init_default_scope
cfg = Config.fromfile(sys.argv[1])
cfg.model.backbone.init_cfg = None
init_default_scope('mmdet')
from mmdet.registry import MODELS
from mmdet.testing import demo_mm_inputs
from mmdet.utils import register_all_modules
register_all_modules()
model = MODELS.build(cfg.model)
data = demo_mm_inputs(2, [[3, 128, 160], [3, 128, 160]])
model.train()
losses = model.forward(**model.data_preprocessor(data, True), mode='loss')
loss, _ = model.parse_losses(losses)
loss.backward()
trained = [p for p in model.parameters() if p.requires_grad]
assert loss.isfinite() and trained
model.eval()
with torch.no_grad():
    found = model.test_step(data)
assert len(found) == 2
try:
    import cds_mm
except ImportError:
    print('works without cds_mm')
"""


@pytest.mark.parametrize(
    'name',
    [
        'detection/faster-rcnn_r50-cds_fpn_1x_coco.py',
        pytest.param(
            'detection/retinanet_r50-cds_fpn_syncbn_1x_coco.py',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_without_the_package(name):
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(SCRIPT), CONFIGS / name],
        capture_output=True,
        text=True,
    )
    assert 'works without cds_mm' in done.stdout, done.stderr[-2000:]
