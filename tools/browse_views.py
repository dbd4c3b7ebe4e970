"""Write a picture of the views that a config trains on.

    python tools/browse_views.py configs/cifar100/cds_r18_cifar100.py

Rows are images: the original, then the views of several epochs.  The model
is not built, and the pictures are those of a `--parity` run with the same
seed; the fast path draws others from the same distributions.
"""

import argparse
import sys
from pathlib import Path

from mmengine import DictAction

from cds_mm.configfile import load_config
from cds_mm.engine.cli import friendly_main


def parse_args():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='path of the config')
    parser.add_argument(
        '--out',
        help='picture to write; work_dirs/views/<config>.png unless given',
    )
    parser.add_argument('--split', default='train', help='train, val or test')
    parser.add_argument('--num', type=int, default=8, help='number of images')
    parser.add_argument('--epoch', type=int, default=0, help='first epoch')
    parser.add_argument('--draws', type=int, default=3, help='epochs shown')
    parser.add_argument('--seed', type=int, default=0, help='seed of the run')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config: key=value ...',
    )
    return parser.parse_args()


@friendly_main
def main() -> None:
    """Draw the grid and save it."""
    args = parse_args()
    from cds_mm.data.browse import browse_views

    cfg = load_config(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    grid = browse_views(
        cfg, args.split, args.num, args.epoch, args.draws, args.seed
    )
    out = Path(args.out or f'work_dirs/views/{Path(args.config).stem}.png')
    out.parent.mkdir(parents=True, exist_ok=True)
    grid.save(out)
    print(f'{out}: {grid.width} x {grid.height} pixels')


if __name__ == '__main__':
    sys.exit(main())
