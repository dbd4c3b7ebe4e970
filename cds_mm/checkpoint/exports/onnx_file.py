"""The backbone as an ONNX model that gives out the maps of its stages."""

import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from cds_mm.checkpoint.exports.proving import ExportProof
from cds_mm.checkpoint.mismatch import relative
from cds_mm.checkpoint.probe_image import every_stage, normalised_image
from cds_mm.checkpoint.record import RECORD_KEY, BackboneRecord
from cds_mm.errors import UserError, first_line
from cds_mm.modes import evaluation_mode
from cds_mm.optional import extra

INPUT = 'images'
_OPSET = 17
# Of the largest value of a map: two libraries of kernels.
TOLERANCE = 1e-4
# Batch, height and width of the images that both compute.
_PROOFS = ((1, 128, 128), (3, 128, 128), (1, 113, 96), (2, 113, 96))


class _Maps(nn.Module):
    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        maps = self.backbone(images)
        return (maps,) if isinstance(maps, torch.Tensor) else tuple(maps)


def check_installed() -> None:
    """Say before the work that a library is missing.

    Raises:
        UserError: onnx or onnxruntime is.
    """
    extra('onnx', 'export')
    extra('onnxruntime', 'export')


def onnx_model(
    source: nn.Module, record: BackboneRecord
) -> tuple[bytes, ExportProof]:
    """A model whose batch, height and width are free, and its proof.

    Args:
        source: the trained backbone.
        record: of the backbone; goes into ``metadata_props``.

    Returns:
        tuple: the file's content; the proof with onnxruntime on the CPU.

    Raises:
        UserError: a library is missing, the backbone cannot be exported, or
            onnxruntime computes something else.
    """
    check_installed()
    maps = _Maps(source)
    with evaluation_mode(maps), every_stage(source) as indices:
        count = _count(maps, record)
        if indices is None or len(indices) != count:
            indices = range(count)
        names = [f'stage{index + 1}' for index in indices]
        content = _with_facts(_exported(maps, names, record), names, record)
        return content, _proof(content, maps, names, record)


def _count(maps: nn.Module, record: BackboneRecord) -> int:
    """How many maps a backbone gives, of an image of any size.

    Raises:
        UserError: it takes images of some sizes only.
    """
    count = 0
    for images in _images(record):
        try:
            with torch.no_grad():
                count = len(maps(images))
        except Exception as error:  # code of anyone
            raise UserError(
                f'--target onnx: {record.backbone["type"]} takes no image of '
                f'{"x".join(map(str, images.shape[2:]))} pixels '
                f'({first_line(error)[:120]}), and the model is for all '
                'sizes; choose --target mmdet'
            ) from error
    return count


def _exported(
    maps: nn.Module, names: list[str], record: BackboneRecord
) -> bytes:
    free = {INPUT: {0: 'batch', 2: 'height', 3: 'width'}}
    for name in names:
        free[name] = {
            0: 'batch',
            2: f'{name}_height',
            3: f'{name}_width',
        }
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        # Where it fails it prints the whole graph.
        mock.patch.object(torch._C, '_jit_onnx_log', create=True),
    ):
        # It traces, and says that the exporter is the older one: the newer
        # needs another package, and exports less with free sizes.
        warnings.simplefilter('ignore')
        path = Path(folder) / 'backbone.onnx'
        try:
            torch.onnx.export(
                maps,
                (normalised_image(record),),
                str(path),
                input_names=[INPUT],
                output_names=names,
                dynamic_axes=free,
                opset_version=_OPSET,
                dynamo=False,
            )
        # Whatever a backbone computes with may be unknown to the exporter.
        except Exception as error:
            raise UserError(
                f'--target onnx: {record.backbone["type"]} cannot be '
                f'exported ({first_line(error)[:120]}); choose --target mmdet'
            ) from error
        return path.read_bytes()


def _with_facts(
    content: bytes, names: list[str], record: BackboneRecord
) -> bytes:
    """With what its user has to know, as ``metadata_props``."""
    onnx: Any = extra('onnx', 'export')
    model = onnx.load_from_string(content)
    model.producer_name = 'cds_mm'
    facts = {
        'channel_order': record.known_order,
        'mean': json.dumps(record.mean),
        'std': json.dumps(record.std),
        'value_range': '[0, 255]',
        'outputs': json.dumps(names),
        RECORD_KEY: json.dumps(record.to_dict()),
    }
    for key, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _proof(
    content: bytes, maps: nn.Module, names: list[str], record: BackboneRecord
) -> ExportProof:
    runtime: Any = extra('onnxruntime', 'export')
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    worst = 0.0
    try:
        session = runtime.InferenceSession(
            content, options, providers=['CPUExecutionProvider']
        )
        for images in _images(record):
            found = session.run(names, {INPUT: images.numpy()})
            with torch.no_grad():
                expected = maps(images)
            for name, ours, theirs in zip(names, expected, found, strict=True):
                gap = relative(ours, torch.from_numpy(theirs))
                worst = max(worst, gap)
                _refuse_difference(gap, name, images, record)
    except UserError:
        raise
    # Its errors have no common class.
    except Exception as error:
        raise UserError(
            f'--target onnx: {record.backbone["type"]} does not run in '
            f'onnxruntime at every size ({first_line(error)[:120]}); choose '
            '--target mmdet'
        ) from error
    where = f'onnxruntime {runtime.__version__} on the CPU'
    return ExportProof(where, worst, f'{", ".join(names)} at two sizes')


def _images(record: BackboneRecord) -> Iterator[torch.Tensor]:
    """Of two sizes, each in two batches."""
    image = normalised_image(record)[0]
    for batch, height, width in _PROOFS:
        turned = [image.roll(17 * number, -1) for number in range(batch)]
        yield torch.stack(turned)[..., :height, :width].contiguous()


def _refuse_difference(
    gap: float, name: str, images: torch.Tensor, record: BackboneRecord
) -> None:
    # Not `>`: a difference may be no number.
    if not gap <= TOLERANCE:
        size = 'x'.join(map(str, images.shape))
        raise UserError(
            f'--target onnx: the exported {record.backbone["type"]} computes '
            f'something else on images of {size} ({name} differs by '
            f'{gap:.1e}); choose --target mmdet'
        )
