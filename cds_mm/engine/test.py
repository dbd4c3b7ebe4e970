"""``tools/test.py``: evaluation of a checkpoint."""

import argparse

import mmengine
from mmengine.evaluator import DumpResults

from cds_mm.engine.build import build_runner
from cds_mm.engine.config import add_common_options, run_config
from cds_mm.engine.hooks import add_hooks, add_run_hooks
from cds_mm.engine.preflight import check_checkpoint, check_data
from cds_mm.engine.ranks import prepare_ranks
from cds_mm.errors import UserError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """The flags of MMPretrain's ``tools/test.py``."""
    parser = argparse.ArgumentParser(description='Test (and eval) a model')
    parser.add_argument('config', help='file, or mmdet::folder/name.py')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', help='file (.json, .pkl) for the results')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        help='what to write there; predictions (.pkl) unless given',
    )
    parser.add_argument('--show-dir', help='folder for painted predictions')
    parser.add_argument(
        '--interval', type=int, default=1, help='paint every n-th image'
    )
    add_common_options(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Evaluate a checkpoint; print the metrics, and write them if asked.

    Raises:
        UserError: whatever the user can mend.
    """
    args = parse_args(argv)
    if args.out_item and not args.out:
        raise UserError('--out-item: no file to write to; give --out FILE')
    cfg = run_config(args)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp:
        cfg.test_cfg.fp16 = True
    if args.show_dir:
        cfg.default_hooks.visualization.update(
            draw=True, enable=True, test_out_dir=args.show_dir
        )
    add_run_hooks(cfg)
    check_data(cfg, ('test',))
    check_checkpoint(args.checkpoint)
    add_hooks(cfg, dict(type='StrictLoadHook'))
    prepare_ranks(cfg)
    runner = build_runner(cfg)
    if args.out and args.out_item != 'metrics':
        runner.test_evaluator.metrics.append(DumpResults(args.out))
    metrics = runner.test()
    if args.out_item == 'metrics':
        mmengine.dump(metrics, args.out)
