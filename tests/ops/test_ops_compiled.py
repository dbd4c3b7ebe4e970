"""The stand-ins against compiled operations, where MMCV has some.

On the CPU, since that is where every compiled build can answer.
"""

import sys

import pytest
import torch
from crowds import crowd, soft_crowd
from mmcv.ops import (
    deform_conv2d,
    modulated_deform_conv2d,
    nms,
    roi_align,
    soft_nms,
)

from cds_mm import ops
from cds_mm.ops import standin
from cds_mm.testing import fresh_generator

pytestmark = pytest.mark.skipif(
    ops.status().state != 'compiled',
    reason='MMCV has no compiled operations here to compare with',
)


@pytest.fixture
def both(monkeypatch):
    """Calls a function with the compiled ops and with the stand-ins."""

    def call(file, function):
        host = sys.modules[f'mmcv.ops.{file}']
        compiled = function()
        monkeypatch.setattr(host, 'ext_module', standin.build())
        return compiled, function()

    return call


@pytest.mark.parametrize('offset', [0, 1])
def test_nms(both, offset):
    boxes, scores = crowd(fresh_generator())
    compiled, ours = both('nms', lambda: nms(boxes, scores, 0.5, offset))
    assert torch.equal(compiled[1], ours[1])


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms(both, method, offset):
    settings = (0.3, 0.5, 0.05, method, offset)
    boxes, scores, _ = soft_crowd(fresh_generator(), *settings)
    compiled, ours = both('nms', lambda: soft_nms(boxes, scores, *settings))
    assert torch.equal(compiled[1], ours[1])
    torch.testing.assert_close(compiled[0], ours[0])


def with_gradients(function, *inputs):
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    output = function(*leaves)
    # Any weighting that is not constant shows a transposed gradient.
    (output * torch.arange(output.numel()).view_as(output)).sum().backward()
    return [output.detach(), *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize('ratio', [0, 2])
@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align(both, aligned, ratio):
    generator = fresh_generator()
    maps = torch.randn(2, 8, 20, 20, generator=generator)
    boxes, _ = crowd(generator)
    images = torch.randint(2, (len(boxes), 1), generator=generator)
    rois = torch.cat([images.float(), boxes - 10], dim=1)
    args = (rois, 7, 0.25, ratio, 'avg', aligned)
    compiled, ours = both(
        'roi_align',
        lambda: with_gradients(lambda x: roi_align(x, *args), maps),
    )
    for a, b in zip(compiled, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * a.abs().max())


@pytest.mark.parametrize('modulated', [False, True])
def test_deform_conv(both, modulated):
    generator = fresh_generator()
    shapes = [(2, 8, 9, 9), (2, 36, 9, 9), (6, 4, 3, 3)]
    if modulated:
        shapes[2:2] = [(2, 18, 9, 9)]
        shapes.append((6,))
    values = [torch.randn(shape, generator=generator) for shape in shapes]
    function = modulated_deform_conv2d if modulated else deform_conv2d
    file = 'modulated_deform_conv' if modulated else 'deform_conv'
    # Stride, padding, dilation, groups, groups of offsets.
    compiled, ours = both(
        file,
        lambda: with_gradients(
            lambda *x: function(*x, 1, 1, 1, 2, 2), *values
        ),
    )
    for a, b in zip(compiled, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * a.abs().max())
