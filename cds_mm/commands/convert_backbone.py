"""Strips a checkpoint to its backbone, proves it, and writes it.

    %(prog)s SRC DST --detector CONFIG
    %(prog)s --check FILE --detector CONFIG
    %(prog)s SRC DST --rewrite
    %(prog)s --fits TRAINING --detector CONFIG

The last asks before a training whether what it trains will fit.
SRC is a checkpoint of this project, of MMPretrain (with --config), of the
released CDS code, or a torchvision state dict.  CONFIG is a file or a name
such as mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py.
"""

import argparse

from cds_mm.choices import FORMATS, TARGETS
from cds_mm.errors import UserError
from cds_mm.quiet import quiet_hosts_load


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/convert_backbone.py``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_files(parser)
    _add_source_options(parser)
    args = parser.parse_args(argv)
    if args.check or args.fits:
        _check_alone(parser, args, '--check' if args.check else '--fits')
    elif not (args.src and args.dst):
        raise UserError(
            'nothing to convert; give SRC and DST, or --check FILE '
            '--detector CONFIG (--help lists the flags)'
        )
    if args.rewrite:
        _check_no_more(_given(parser, args), '--rewrite')
    if args.bn_images < 1:
        raise UserError(
            f'--bn-images {args.bn_images}: must be at least 1; raise it'
        )
    return args


def _add_files(parser) -> None:
    """What is converted, to what, and for whom."""
    parser.add_argument('src', nargs='?', help='the checkpoint to convert')
    parser.add_argument('dst', nargs='?', help='the file to write')
    parser.add_argument('--detector', help='prove it in this detector')
    parser.add_argument('--check', metavar='FILE', help='check a written file')
    parser.add_argument(
        '--fits',
        metavar='TRAINING',
        help='whether what this config trains, with random weights, fits the '
        'detector',
    )
    add_accept_changed_function(parser)
    parser.add_argument('--config', help='training config of a foreign SRC')
    parser.add_argument(
        '--target',
        choices=TARGETS,
        default='mmdet',
        help='the library that DST is for; mmdet unless given. Where the '
        'library is installed, DST is loaded there and its features are '
        'compared. hf writes a folder that timm loads, onnx a .onnx file, '
        'detectron2 a .pth or .pkl file (docs/exports.md)',
    )
    parser.add_argument(
        '--format',
        choices=FORMATS,
        dest='file_format',
        help='by default what the suffix of DST says',
    )
    parser.add_argument(
        '--publish', action='store_true', help="put the file's hash in DST"
    )


def add_accept_changed_function(parser: argparse.ArgumentParser) -> None:
    """The flag for detectors that change the backbone on purpose."""
    parser.add_argument(
        '--accept-changed-function',
        action='store_true',
        help='the detector computes something else on purpose: prove that '
        'its weights are the trained ones',
    )


def _add_source_options(parser) -> None:
    """What is to be known of the checkpoint, and done to it."""
    parser.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        default=True,
        help='take averaged weights where SRC has them',
    )
    parser.add_argument('--prefix', help="where SRC's backbone keys start")
    parser.add_argument(
        '--weights',
        metavar='NAME',
        help='which weights to take where SRC has several, such as teacher',
    )
    parser.add_argument(
        '--channel-order',
        choices=('rgb', 'bgr'),
        help='what the network saw, where its loader is unknown',
    )
    parser.add_argument(
        '--accept-missing-maxpool',
        action='store_true',
        help='convert a released CDS ImageNet checkpoint to the standard stem',
    )
    parser.add_argument(
        '--reestimate-bn',
        metavar='CONFIG',
        help="re-estimate BatchNorm on first views of CONFIG's training data",
    )
    parser.add_argument(
        '--bn-images',
        type=int,
        default=1024,
        metavar='N',
        help='how many views --reestimate-bn takes; 1024 unless given',
    )
    parser.add_argument(
        '--trust',
        action='store_true',
        help='run whatever code SRC contains; only for files you made',
    )
    parser.add_argument(
        '--rewrite',
        action='store_true',
        help='run whatever code SRC contains, and write only its tensors and '
        'plain values, under the same keys; other tools then read DST',
    )


# What goes with each flag that converts nothing.
_ALONE = {
    '--rewrite': {'--rewrite', '--trust'},
    '--check': {'--check', '--detector', '--accept-changed-function'},
    '--fits': {
        '--fits',
        '--detector',
        '--accept-changed-function',
        '--accept-missing-maxpool',
        '--channel-order',
    },
}


def _check_alone(parser, args, flag: str) -> None:
    if not args.detector:
        raise UserError(
            f'{flag} needs --detector CONFIG, a file or a name such as '
            'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py; add it'
        )
    flags = [args.src] if args.src else _given(parser, args)
    _check_no_more(flags, flag)


def _check_no_more(flags, flag: str) -> None:
    for given in flags:
        if given not in _ALONE[flag]:
            raise UserError(f'{given} does not go with {flag}; leave it out')


def _given(parser, args) -> list[str]:
    """The flags that say something else than their default."""
    return [
        # Of a switch that is on by default, the name that turns it off.
        action.option_strings[-1]
        for action in parser._actions
        if action.option_strings
        and getattr(args, action.dest, action.default) != action.default
    ]


def main(argv: list[str] | None = None) -> None:
    """Convert or check, and say what was done."""
    args = vars(parse_args(argv))
    check, fits, src, dst = (
        args.pop(name) for name in ('check', 'fits', 'src', 'dst')
    )
    if args.pop('rewrite'):
        from cds_mm.checkpoint.rewrite import rewrite

        print(rewrite(src, dst).report())
        return
    with quiet_hosts_load():
        from cds_mm import registration  # noqa: F401
        from cds_mm.checkpoint import Options, check_file, convert, report
        from cds_mm.checkpoint.prospect import will_fit
        from cds_mm.checkpoint.summary import in_words

    accepted = args['accept_changed_function']
    if check:
        proof = check_file(
            check, args['detector'], accept_changed_function=accepted
        )
        print(f'{check}: is what was trained, also in {in_words(proof)}')
        print(proof.table())
        return
    if fits:
        proof = will_fit(
            fits,
            args['detector'],
            args['channel_order'],
            args['accept_missing_maxpool'],
            accepted,
        )
        print(f'{fits}: what it trains will fit {in_words(proof)}')
        print(proof.table())
        return
    options = Options(**args)
    print(report(convert(src, dst, options), options))
