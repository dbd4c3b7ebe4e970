"""Write a picture of the views that a config trains on.

    %(prog)s configs/cifar100/cds_r18_cifar100.py

Rows are images: the original, then the views of several epochs.  The model
is not built, and the pictures are those of a `--parity` run with the same
seed: those of any other run but for rounding and resizing.
"""

import argparse
from pathlib import Path

from cds_mm.commands.options import CONFIG_HELP, add_cfg_options
from cds_mm.quiet import quiet_hosts_load

# Of the formats that hold RGB pixels.
_PICTURES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff', '.pdf')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of ``tools/browse_views.py``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help=CONFIG_HELP)
    parser.add_argument(
        '--out',
        help='picture to write; work_dirs/views/<config>.png unless given',
    )
    parser.add_argument('--split', default='train', help='train, val or test')
    parser.add_argument('--num', type=int, default=8, help='number of images')
    parser.add_argument('--epoch', type=int, default=0, help='first epoch')
    parser.add_argument('--draws', type=int, default=3, help='epochs shown')
    parser.add_argument('--seed', type=int, default=0, help='seed of the run')
    add_cfg_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Draw the grid and save it."""
    args = parse_args(argv)
    with quiet_hosts_load():
        from cds_mm.config import load_config
        from cds_mm.data.browse import browse_views
        from cds_mm.files import check_output

    out = Path(args.out or f'work_dirs/views/{Path(args.config).stem}.png')
    check_output(str(out), '--out', 'the picture is', _PICTURES)
    cfg = load_config(args.config, args.cfg_options)
    grid = browse_views(
        cfg, args.split, args.num, args.epoch, args.draws, args.seed
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    grid.save(out)
    print(f'{out}: {grid.width} x {grid.height} pixels')
