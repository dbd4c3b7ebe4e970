"""ONNX: the maps of the stages at any size, with what the input must be."""

import json

import numpy as np
import pytest
import torch

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.exports.onnx_file import onnx_model
from cds_mm.checkpoint.probe_image import stage_features
from cds_mm.errors import UserError

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')


def test_maps_at_two_sizes_and_two_batches(training_file, tmp_path, run):
    src, trained = training_file()
    path = tmp_path / 'b.onnx'
    code, out, err = run(src, path, '--target', 'onnx')
    assert (code, err) == (0, '')
    assert 'stage1, stage2, stage3, stage4 at two sizes, largest' in out
    session = onnxruntime.InferenceSession(
        str(path), providers=['CPUExecutionProvider']
    )
    names = [one.name for one in session.get_outputs()]
    assert names == ['stage1', 'stage2', 'stage3', 'stage4']
    for batch, height, width in ((1, 160, 64), (3, 77, 101)):
        images = torch.randn(batch, 3, height, width)
        found = session.run(None, {'images': images.numpy()})
        for number in range(batch):
            expected = stage_features(trained, images[number : number + 1])
            for stage in range(4):
                theirs = expected[stage].numpy()
                gap = np.abs(found[stage][number] - theirs).max()
                assert gap <= 1e-4 * np.abs(theirs).max()


def test_the_model_says_what_its_input_is(training_file, tmp_path):
    src, _ = training_file()
    options = Options(target='onnx', publish=True)
    result = convert(src, tmp_path / 'b.onnx', options)
    assert result.path.name.startswith('b-')
    model = onnx.load(result.path)
    onnx.checker.check_model(model)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts['channel_order'] == 'rgb'
    assert json.loads(facts['mean']) == [123.675, 116.28, 103.53]
    assert json.loads(facts['std']) == [58.395, 57.12, 57.375]
    assert json.loads(facts['value_range']) == [0, 255]
    names = ['stage1', 'stage2', 'stage3', 'stage4']
    assert json.loads(facts['outputs']) == names
    record = json.loads(facts['cds_mm'])
    assert record['fingerprint'] == result.record.fingerprint


@pytest.mark.slow
def test_a_network_that_is_traced_for_one_size_is_not_written(
    mm_backbone, record, tmp_path
):
    """Padding as TensorFlow does depends on the size of the image."""
    cfg = dict(type='EfficientNet', arch='b0')
    state = mm_backbone(**cfg).state_dict()
    src = tmp_path / 'src.pth'
    meta = dict(cds_mm=record(backbone=cfg).to_dict())
    torch.save(
        dict(
            state_dict={f'backbone.{k}': v for k, v in state.items()},
            meta=meta,
        ),
        src,
    )
    with pytest.raises(UserError, match='EfficientNet computes something'):
        convert(src, tmp_path / 'b.onnx', Options(target='onnx'))
    assert list(tmp_path.iterdir()) == [src]


def test_the_extra_is_named(training_file, tmp_path, run, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    src, _ = training_file()
    code, out, err = run(src, tmp_path / 'b.onnx', '--target', 'onnx')
    assert (code, out) == (1, '')
    assert "pip install 'cds_mm[export]'" in err and err.count('\n') == 1


def test_what_the_exporter_does_not_know_is_one_line(record, capfd):
    class Smooth(torch.nn.Module):
        def forward(self, images):
            size = (images.shape[2] // 2, images.shape[3] // 2)
            half = torch.nn.functional.interpolate
            return half(images, size, mode='bicubic', antialias=True)

    with pytest.raises(UserError, match='onnx: Smooth cannot be exported'):
        onnx_model(Smooth(), record(backbone=dict(type='Smooth')))
    assert 'graph' not in ''.join(capfd.readouterr())
