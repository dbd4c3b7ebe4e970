"""Settings beside those of the bases, under the words of the table."""

import re
from collections.abc import Callable
from typing import Any

from cds_mm.experiments.cell import Cell
from cds_mm.experiments.detectors import DETECTORS
from cds_mm.experiments.leaves.data import DATA

Settings = dict[str, Any]


def _kept(cell: Cell, ratio: float, **more) -> Settings:
    """A training set that keeps a share of its labels, and all images."""
    dataset = dict(type='LabelFraction', of=DATA[cell.data].kind, ratio=ratio)
    return dict(train_dataloader=dict(dataset=dict(dataset, **more)))


def _labelled(cell: Cell, ratio: float, **more) -> Settings:
    """The labelled images alone, repeated until they are as many as all."""
    settings = _kept(cell, ratio, keep='labelled', **more)
    sampler = dict(type='EqualIterationsSampler')
    settings['train_dataloader']['sampler'] = sampler
    return settings


def _share(cell: Cell) -> float:
    return int(cell.variant.removesuffix('pct')) / 100


def _rotations(cell: Cell) -> Settings:
    """The network stays as it is, and so does its top-1."""
    epochs = re.findall(r'_(\d+)e', DATA[cell.data].schedule)[0]
    return dict(
        model=dict(frozen=('backbone', 'head')),
        load_from=f'work_dirs/baseline_{cell.model}_{cell.data}/'
        f'epoch_{epochs}.pth',
        default_hooks=dict(checkpoint=dict(save_best=None)),
    )


def _recipe(total: int, lr: float, **more) -> Settings:
    """The learning rate that goes with another total batch size."""
    return dict(
        optim_wrapper=dict(optimizer=dict(lr=lr, **more)),
        auto_scale_lr=dict(base_batch_size=total),
    )


def _started(stem: str) -> Settings:
    """From the last epoch of another run, which its name tells."""
    epochs = re.findall(r'(\d+)e', stem)[-1]
    return dict(load_from=f'work_dirs/{stem}/epoch_{epochs}.pth')


def _from_supcon(cell: Cell) -> Settings:
    return _started(f'supcon_{cell.model}_{cell.data}_{cell.variant}')


def _from_byol(cell: Cell) -> Settings:
    return _started(f'byol_{cell.model}_{cell.data}_pretrain-1000e')


def _backbone(**settings) -> Settings:
    return dict(model=dict(backbone=settings))


def _backbone_file(method: str) -> Settings:
    """Of the run on ImageNet, as the converter writes it."""
    file = f'work_dirs/{method}_r50_in1k/backbone.pth'
    return _backbone(init_cfg=dict(checkpoint=file))


def _detector(cell: Cell) -> Settings:
    """The backbone of a run with the method, as the converter writes it."""
    detector = DETECTORS[cell.model, cell.data]
    file = f'{detector.run(cell.method)}/backbone.pth'
    return _backbone(init_cfg=dict(detector.init, checkpoint=file))


def _nothing_frozen(cell: Cell) -> Settings:
    settings = _detector(cell)
    settings['model']['backbone'] |= dict(
        frozen_stages=-1,
        norm_eval=False,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    )
    return settings


SETTINGS: dict[str, Callable[[Cell], Settings]] = {
    '': lambda cell: {},
    'no max-pool': lambda cell: _backbone(type='ResNetNoMaxPool'),
    'decay': lambda cell: dict(
        optim_wrapper=dict(optimizer=dict(weight_decay=5e-4))
    ),
    'pretrained': lambda cell: _backbone_file(cell.variant.partition('-')[0]),
    'kept': lambda cell: _kept(cell, _share(cell)),
    'labelled': lambda cell: _labelled(cell, _share(cell)),
    'labelled folders': lambda cell: _labelled(
        cell, 1.0, unlabelled='unlabelled'
    ),
    'unlabelled folder': lambda cell: dict(
        train_dataloader=dict(dataset=dict(unlabelled='unlabelled'))
    ),
    'rotations': _rotations,
    'batch 512': lambda cell: _recipe(512, 0.6),
    'BYOL 512': lambda cell: _recipe(512, 0.4),
    'from SupCon': _from_supcon,
    'from BYOL': _from_byol,
    'from BYOL at 128': lambda cell: (
        _from_byol(cell) | _recipe(128, 0.0125, weight_decay=5e-4)
    ),
    'detector': _detector,
    'detector with SyncBN': _nothing_frozen,
}
