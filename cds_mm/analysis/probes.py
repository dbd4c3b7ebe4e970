"""What each stage of a backbone has learned."""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import torch
from mmengine.config import Config

from cds_mm.analysis.features import collect_features, train_as_test
from cds_mm.config import is_detection
from cds_mm.data.class_names import ClassesError
from cds_mm.engine.class_checks import check_splits
from cds_mm.engine.preflight import check_data
from cds_mm.engine.test import evaluation_config
from cds_mm.errors import UserError
from cds_mm.evaluation.embedding import (
    Panel,
    choose_images,
    draw_embeddings,
    embed,
)
from cds_mm.evaluation.picture import load_figure
from cds_mm.evaluation.probe import (
    INVERSE_PENALTY,
    TEMPERATURE,
    Labelled,
    check_features,
    check_neighbors,
    knn_top1,
    linear_probe,
)
from cds_mm.files import atomic_write, check_writable
from cds_mm.optional import extra
from cds_mm.version import __version__

_SHOWN = dict(tsne='t-SNE', pca='PCA')


def probe_stages(args: argparse.Namespace) -> None:
    """Collect features, fit and print, write the numbers and the picture.

    Raises:
        UserError: whatever the user can fix.
    """
    if args.out is None:
        args.out = f'{Path(args.checkpoint).with_suffix("")}_stages'
    cfg = evaluation_config(args)
    _check(args, cfg)
    check_data(cfg, ('train', 'test'))
    source = dict(prefix=args.prefix, weights=args.weights)
    same = not args.other_classes
    try:
        test, tested = collect_features(cfg, same_classes=same, **source)
    except ClassesError as error:
        raise UserError(
            f'{error}; pass --other-classes to probe it on other classes'
        ) from error
    train, fitted = collect_features(
        train_as_test(cfg), args.images, same, **source
    )
    check_splits(fitted, tested, ('train', 'test'))
    if train is not None and test is not None:  # on the first rank
        report(args, train, test, fitted.metainfo.get('classes'))


def report(
    args: argparse.Namespace,
    train: dict[str, Labelled],
    test: dict[str, Labelled],
    classes: list[str] | None,
) -> None:
    """Probe stage after stage; print, write and draw what came out.

    Args:
        args: of ``tools/probe_stages.py``.
        train: what is fitted, by stage.
        test: what is measured.
        classes: their names, if known.

    Raises:
        UserError: as of the probes.
    """
    for features in (*train.values(), *test.values()):
        check_features(features)
    check_neighbors(next(iter(train.values())), args.neighbors)
    print(_heading(args, train, test))
    print(
        f'{"stage":<8}{"channels":>9}{"linear top-1":>14}{"(train)":>9}'
        f'{"kNN top-1":>11}'
    )
    stages = {}
    for stage in train:
        numbers = _probe(train[stage], test[stage], args.neighbors)
        stages[stage] = numbers
        print(
            f'{stage:<8}{numbers["channels"]:>9}'
            f'{numbers["linear_top1"]:>14.2f}'
            f'{numbers["linear_train_top1"]:>9.2f}'
            f'{numbers["knn_top1"]:>11.2f}'
            + ('' if numbers['linear_converged'] else '  not converged'),
            flush=True,
        )
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    numbers = dict(_circumstances(args, train, test), stages=stages)
    text = json.dumps(numbers, indent=2) + '\n'
    atomic_write(out / 'stages.json', text.encode())
    _draw(args, test, stages, classes)
    print(f'{out}: stages.json, stages.png')


def _probe(train, test, neighbors):
    linear = linear_probe(train, test)
    return dict(
        channels=train.features.shape[1],
        linear_top1=linear.top1,
        linear_train_top1=linear.train_top1,
        linear_converged=linear.converged,
        knn_top1=knn_top1(train, test, neighbors),
    )


def _heading(args, train, test):
    first, tested = next(iter(train.values())), next(iter(test.values()))
    return (
        f'{args.checkpoint}: pooled features of {len(first.labels)} training '
        f'images, judged on {len(tested.labels)} test images, '
        f'{first.labels.unique().numel()} classes; kNN with '
        f'k={args.neighbors}, votes exp(cosine / {TEMPERATURE})'
    )


def _circumstances(args, train, test):
    first, tested = next(iter(train.values())), next(iter(test.values()))
    return dict(
        config=args.config,
        cfg_options={k: str(v) for k, v in args.cfg_options.items()},
        checkpoint=args.checkpoint,
        train_images=len(first.labels),
        test_images=len(tested.labels),
        classes=first.labels.unique().numel(),
        neighbors=args.neighbors,
        knn_temperature=TEMPERATURE,
        linear_inverse_penalty=INVERSE_PENALTY,
        embedding=args.embedding,
        seed=args.seed,
        versions={
            'cds_mm': __version__,
            'torch': torch.__version__,
            'scikit-learn': version('scikit-learn'),
        },
    )


def _draw(args, test, stages, classes):
    labels = next(iter(test.values())).labels
    shown = choose_images(labels, args.seed)
    panels = [
        Panel(
            f'{stage} ({numbers["channels"]} channels)\n'
            f'linear {numbers["linear_top1"]:.1f} %, '
            f'kNN {numbers["knn_top1"]:.1f} %',
            embed(test[stage].features[shown], args.embedding, args.seed),
        )
        for stage, numbers in stages.items()
    ]
    number = int(labels.max()) + 1
    if classes is None or len(classes) < number:
        classes = [f'class {label}' for label in range(number)]
    few = labels[shown].unique().numel()
    every = labels.unique().numel()
    draw_embeddings(
        Path(args.out) / 'stages.png',
        panels,
        labels[shown],
        classes,
        f'{Path(args.config).stem}: {_SHOWN[args.embedding]} of the pooled '
        f'features of {len(shown)} test images'
        + (f', {few} of {every} classes' if few < every else ''),
    )


def _check(args: argparse.Namespace, cfg: Config):
    if is_detection(cfg):
        raise UserError(
            f'{args.config}: trains a detector, whose images have no single '
            'label; choose a classification config'
        )
    for split in ('train', 'test'):
        if not cfg.get(f'{split}_dataloader'):
            raise UserError(
                f'{args.config}: has no {split}_dataloader, whose images are '
                'probed; choose a config that has one'
            )
    for name in ('images', 'neighbors'):
        number = getattr(args, name)
        if number is not None and number < 1:
            raise UserError(f'--{name}={number}: use a number above 0')
    # Said now, not after all the features.
    load_figure()
    extra('sklearn')
    check_writable(args.out, '--out')
