"""Evaluation of a checkpoint."""

import argparse
import os

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from cds_mm.config import is_detection
from cds_mm.engine.amp import use_amp_in_test
from cds_mm.engine.build import (
    EvaluationRunner,
    build_runner,
    build_test,
)
from cds_mm.engine.checkpoints import check_checkpoint
from cds_mm.engine.checks import check_settings
from cds_mm.engine.class_checks import check_judged_classes, name_test_classes
from cds_mm.engine.data_report import report_data
from cds_mm.engine.data_warnings import warn_of_data
from cds_mm.engine.hooks import add_hooks, add_run_hooks
from cds_mm.engine.input_checks import (
    check_trained_input,
)
from cds_mm.engine.malloc import calm_malloc, spare_imports
from cds_mm.engine.missing_ops import check_ops_of_test
from cds_mm.engine.preflight import (
    check_annotations_and_heads,
    check_folders,
    check_test_classes,
)
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.engine.ranks import check_same_data, prepare_ranks
from cds_mm.engine.run_config import run_config
from cds_mm.errors import UserError
from cds_mm.files import check_output, check_writable


def test(args: argparse.Namespace) -> None:
    """Evaluate a checkpoint; print the metrics, and write them if asked.

    Args:
        args: of :func:`cds_mm.commands.test.parse_args`.

    Raises:
        UserError: whatever the user can fix.
    """
    spare_imports()
    _check_out(args)
    calm_malloc()
    cfg = evaluation_config(args)
    if args.show_dir:
        _paint(cfg, args)
    runner = build_test_runner(cfg)
    check_ops_of_test(runner)
    if args.out and args.out_item != 'metrics':
        runner.test_evaluator.metrics.append(DumpResults(args.out))
    metrics = runner.test()
    if args.out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, args.out)


def evaluation_config(args: argparse.Namespace) -> Config:
    """The config of a test: as :func:`run_config`, of ``args.checkpoint``.

    Raises:
        UserError: the config is of a run that has nothing to test.
    """
    cfg = run_config(args)
    if cfg.get('test_dataloader') is None:
        raise UserError(
            f'{args.config}: has no test_dataloader, so there is nothing to '
            'test; a pretraining without a classifier is tested by the '
            'config that builds on it'
        )
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.amp:
        use_amp_in_test(cfg)
    add_run_hooks(cfg)
    return cfg


def build_test_runner(cfg: Config, same_classes: bool = True) -> Runner:
    """Look at what a test needs, then build it; ``runner.test()`` is next.

    Args:
        cfg: of :func:`evaluation_config`.
        same_classes: whether the images are of the classes that the
            checkpoint was trained on.

    Raises:
        UserError: whatever the user can fix.
    """
    check_settings(cfg, ('test',))
    meta = check_checkpoint(PretrainedFile(cfg.load_from))
    check_trained_input(cfg, meta)
    if same_classes:
        name_test_classes(cfg, meta)
    check_writable(cfg.work_dir, '--work-dir')
    annotations = check_annotations_and_heads(cfg, ('test',))
    add_hooks(
        cfg, dict(type='StrictLoadHook'), dict(type='RecordTestMetricsHook')
    )
    prepare_ranks(cfg)
    runner = build_runner(cfg, EvaluationRunner)
    build_test(runner, cfg)
    check_same_data(runner, ('test',))
    check_folders(cfg, 'test', runner.test_dataloader.dataset)
    if same_classes:
        check_judged_classes(runner.test_dataloader.dataset, cfg, meta)
    check_test_classes(runner, cfg)
    report_data(runner, ('test',), annotations)
    warn_of_data(runner, cfg, ('test',))
    return runner


def _check_out(args):
    if args.out_item and not args.out:
        raise UserError('--out-item: no file to write to; give --out FILE')
    if not args.out:
        return
    # Said now, not after an hour of testing.
    if args.out_item == 'metrics':
        endings = ('.json', '.yaml', '.yml', '.pkl')
        check_output(args.out, '--out', 'metrics are', endings)
    else:
        what = 'predictions (metrics with --out-item metrics) are'
        check_output(args.out, '--out', what, ('.pkl', '.pickle'))


def _paint(cfg, args):
    if is_detection(cfg):
        # The host puts a relative one into the folder of the log, and into
        # that once more with each batch.
        folder = os.path.abspath(args.show_dir)
        paint = dict(draw=True, test_out_dir=folder)
    else:
        paint = dict(enable=True, out_dir=args.show_dir)
    cfg.default_hooks.visualization.update(paint, interval=args.interval)
    add_hooks(cfg, dict(type='PaintingHook', out_dir=args.show_dir))
