"""What a conversion did, and how its file is used, in words."""

from cds_mm.checkpoint.conversion import Options, Result
from cds_mm.checkpoint.proof import Proof
from cds_mm.checkpoint.targets import settings
from cds_mm.checkpoint.writing import format_of

# What a config needs so that every launcher verifies the backbone.
VERIFY = (
    "and, where MMDetection's own tools/train.py trains, verify it with:\n"
    "  custom_imports = dict(imports=['cds_mm.registration'])\n"
    "  custom_hooks = [dict(type='VerifyPretrainedHook')]"
)


def in_words(proof: Proof) -> str:
    """The detector of a proof, with what the proof leaves open."""
    limits = f' ({proof.limits})' if proof.limits else ''
    return f'{proof.detector}{limits}'


def report(result: Result, options: Options) -> str:
    """What was done, for people."""
    dropped = ', '.join(f'{n} {k}' for k, n in sorted(result.dropped.items()))
    record = result.record
    order = record.known_order.upper()
    lines = [
        f'wrote {result.path}',
        f'kept {result.kept} tensors of {record.backbone["type"]} '
        f'({result.weights} weights); dropped: {dropped or "nothing"}',
        f'input: {order}, mean {record.mean}, std {record.std}',
    ]
    lines += [f'note: {note}' for note in result.notes]
    if result.export.proof is not None:
        lines.append(result.export.proof.line())
    elif result.proof is None:
        lines.append('not proven in a detector: name one with --detector')
    if result.proof is not None:
        lines += [f'proven in {in_words(result.proof)}:', result.proof.table()]
    return '\n'.join([*lines, usage(result, options)])


def usage(result: Result, options: Options) -> str:
    """How the file is loaded where it is meant to go."""
    path = str(result.path)
    if options.target != 'mmdet':
        lines = settings(result.export, result.record, result.path)
        return '\n  '.join([f'layout: {options.target}; set there:', *lines])
    if format_of(path, options.file_format) == 'safetensors':
        return (
            'MMEngine reads no safetensors: convert to .pth for init_cfg; '
            'others load it with safetensors.torch.load_file'
        )
    return (
        "use it with (bare keys, so no 'prefix'):\n"
        f"  init_cfg=dict(type='Pretrained', checkpoint={path!r})\n"
        f'{VERIFY}'
    )
