"""Verify a converted file in a detector.

    %(prog)s FILE --detector CONFIG

CONFIG is a file or a name such as
mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py.
"""

import argparse

from cds_mm.commands import convert_backbone


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of the converter that go with its ``--check``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('file', help='a file that the converter wrote')
    parser.add_argument(
        '--detector', required=True, help='config of the detector'
    )
    convert_backbone.add_accept_changed_function(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Check, as ``--check`` of the converter does."""
    args = parse_args(argv)
    words = ['--check', args.file, '--detector', args.detector]
    if args.accept_changed_function:
        words.append('--accept-changed-function')
    convert_backbone.main(words)
