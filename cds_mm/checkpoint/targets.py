"""A backbone in the layout of a library: planned, proven, written."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from cds_mm.checkpoint import writing
from cds_mm.checkpoint.exports import detectron2, hugging_face, onnx_file
from cds_mm.checkpoint.exports.plan import Plan, unit_statistics
from cds_mm.checkpoint.exports.plans import plan_for
from cds_mm.checkpoint.exports.proving import ExportProof, exported_state
from cds_mm.checkpoint.record import RECORD_KEY, BackboneRecord
from cds_mm.choices import TARGETS
from cds_mm.errors import UserError

# MMEngine's own layout has no other names, and ONNX is a network itself.
_WITHOUT_PLAN = ('mmdet', 'onnx')
_PICKLES = ('.pkl', '.pickle')


@dataclass
class Export:
    """A backbone for a library.

    Attributes:
        target: one of ``TARGETS``.
        plan: how the library has it; none for 'mmdet' and 'onnx'.
        content: what the file holds; tensors, or its bytes.
        proof: how it was proven; none for 'mmdet', which a detector proves.
    """

    target: str
    plan: Plan | None
    content: dict | bytes
    proof: ExportProof | None


def check_wanted(
    dst: str | Path, target: str, file_format: str | None, publish: bool
) -> None:
    """Say early that a target cannot be written as it is asked for.

    Raises:
        UserError: an unknown target, a name or a format that it does not
            have, or a library that is missing.
    """
    if target not in TARGETS:
        raise UserError(
            f'{target}: no such target; choose one of {", ".join(TARGETS)}'
        )
    if target == 'hf':
        _refuse_flags(target, file_format, publish)
        hugging_face.check_installed()
        hugging_face.check_folder(dst)
        return
    writing.check_target(dst)
    if target == 'onnx':
        _refuse_flags(target, file_format, False)
        if Path(dst).suffix != '.onnx':
            raise UserError(f'{dst}: --target onnx writes .onnx; name it so')
        onnx_file.check_installed()
        return
    kind = writing.format_of(dst, file_format)
    if kind == 'safetensors' and target == 'detectron2':
        raise UserError(
            f'{dst}: Detectron2 reads no safetensors; name a .pth or .pkl file'
        )
    if Path(dst).suffix in _PICKLES and (target != 'detectron2'):
        raise UserError(
            f'{dst}: a pickle is written for --target detectron2 only; name '
            'a .pth file'
        )


def _refuse_flags(target: str, file_format: str | None, publish: bool) -> None:
    for flag, given in (('--format', file_format), ('--publish', publish)):
        if given:
            raise UserError(
                f'{flag} does not go with --target {target}; leave it out'
            )


def plan_of(record: BackboneRecord, target: str) -> Plan | None:
    """How a library has a recorded backbone; none where it needs no names.

    Raises:
        UserError: it has no such network.
    """
    if target in _WITHOUT_PLAN:
        return None
    with _asked_for(target):
        plan = plan_for(record, target)
    if target == 'hf':
        hugging_face.check_plan(plan, record)
    return plan


@contextlib.contextmanager
def _asked_for(target: str) -> Iterator[None]:
    """Errors name the target of the command line: 'hf' asks timm."""
    try:
        yield
    except UserError as error:
        text = str(error)
        if target == 'hf' and text.startswith('--target timm'):
            text = text.replace('--target timm', '--target hf', 1)
            raise UserError(text) from error
        raise


def export(source: nn.Module, record: BackboneRecord, target: str) -> Export:
    """The backbone as a library has it, proven where that is installed.

    Args:
        source: the trained backbone.
        record: of the backbone.
        target: one of ``TARGETS``.

    Raises:
        UserError: it has no such network, or computes something else.
    """
    plan = plan_of(record, target)
    if target == 'onnx':
        content, proof = onnx_file.onnx_model(source, record)
        return Export(target, None, content, proof)
    if plan is None:
        meta = {RECORD_KEY: record.to_dict()}
        state = source.state_dict()
        return Export(target, None, {'state_dict': state, 'meta': meta}, None)
    with _asked_for(target):
        state, proven = exported_state(source, plan, record)
    if target == 'detectron2':
        values = detectron2.content(state, record)
        return Export(target, plan, values, proven)
    return Export(target, plan, state, proven)


def write(
    found: Export,
    record: BackboneRecord,
    dst: str | Path,
    file_format: str | None,
    publish: bool,
    meta: object,
) -> Path:
    """Write it whole, or leave everything as it was.

    Args:
        found: as of :func:`export`.
        record: of the backbone.
        dst: the file, or the folder of 'hf'.
        file_format: as of :func:`cds_mm.checkpoint.write_checkpoint`.
        publish: put the file's hash into its name.
        meta: of the checkpoint, for the model card.

    Returns:
        Path: what was written.
    """
    if isinstance(found.content, bytes):
        return writing.write_bytes(found.content, dst, publish)
    if found.target == 'hf':
        assert found.plan is not None and found.proof is not None
        return hugging_face.write_folder(
            dst, found.content, found.plan, record, found.proof, meta
        )
    if found.target == 'detectron2' and Path(dst).suffix in _PICKLES:
        pickled = detectron2.pickled(found.content)
        return writing.write_bytes(pickled, dst, publish)
    return writing.write_checkpoint(found.content, dst, file_format, publish)


def settings(found: Export, record: BackboneRecord, path: Path) -> list[str]:
    """What must be set in a library, or it computes another function.

    Args:
        found: as of :func:`export`.
        record: of the backbone.
        path: what was written.

    Returns:
        list[str]: One line each; for 'detectron2' Python that sets ``cfg``,
        whose defaults are BGR, no std and the stride of Caffe.
    """
    if found.target == 'hf':
        return [
            f"timm.create_model('local-dir:{path}', pretrained=True)",
            'images: as timm.data.resolve_model_data_config(model) says',
        ]
    if found.target == 'onnx':
        order = record.known_order.upper()
        return [
            f'input {onnx_file.INPUT!r}: float32, (N, 3, H, W), {order}, '
            f'(values from 0 to 255 - {record.mean}) / {record.std}',
            'the same is in metadata_props: channel_order, mean, std, outputs',
        ]
    assert found.plan is not None
    if found.target == 'detectron2':
        return found.plan.settings
    return [
        f'network: {found.plan.network}',
        *input_settings(record),
        *found.plan.settings,
    ]


def input_settings(record: BackboneRecord) -> list[str]:
    """Channel order, mean and std for values from 0 to 1."""
    mean, std = unit_statistics(record)
    order = record.known_order.upper()
    return [f'images: {order}, values from 0 to 1', f'{mean=}', f'{std=}']
