"""The ``metafile.yml`` files: every leaf config with its results."""

import ast
import json
from functools import cache
from pathlib import Path

import yaml

from cds_mm.errors import UserError
from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.published import published
from cds_mm.paths import CONFIGS, PROJECT

PAPERS = {
    'baseline': None,
    'dsn': ('Deeply-Supervised Nets', 'https://arxiv.org/abs/1409.5185'),
    'dks': (
        'Deeply-supervised Knowledge Synergy',
        'https://arxiv.org/abs/1906.00675',
    ),
    'dhm': (
        'Dynamic Hierarchical Mimicking Towards Consistent Optimization '
        'Objectives',
        'https://arxiv.org/abs/2003.10739',
    ),
    'kd': (
        'Distilling the Knowledge in a Neural Network',
        'https://arxiv.org/abs/1503.02531',
    ),
    'at': (
        'Paying More Attention to Attention',
        'https://arxiv.org/abs/1612.03928',
    ),
    'rkd': (
        'Relational Knowledge Distillation',
        'https://arxiv.org/abs/1904.05068',
    ),
    'sp': (
        'Similarity-Preserving Knowledge Distillation',
        'https://arxiv.org/abs/1907.09682',
    ),
    'cc': (
        'Correlation Congruence for Knowledge Distillation',
        'https://arxiv.org/abs/1904.01802',
    ),
    'crd': (
        'Contrastive Representation Distillation',
        'https://arxiv.org/abs/1910.10699',
    ),
    'sskd': (
        'Knowledge Distillation Meets Self-Supervision',
        'https://arxiv.org/abs/2006.07114',
    ),
    'one': (
        'Knowledge Distillation by On-the-Fly Native Ensemble',
        'https://arxiv.org/abs/1806.04606',
    ),
    'supcon': (
        'Supervised Contrastive Learning',
        'https://arxiv.org/abs/2004.11362',
    ),
    'byol': (
        'Bootstrap Your Own Latent: A New Approach to Self-Supervised '
        'Learning',
        'https://arxiv.org/abs/2006.07733',
    ),
    'cds': (
        'Contrastive Deep Supervision',
        'https://arxiv.org/abs/2207.05306',
    ),
}
PAPERS |= dict.fromkeys(('cds-kd', 'cds-semi'), PAPERS['cds'])
PAPERS['sskd-teacher'] = PAPERS['sskd']
PAPERS['supcon-linear'] = PAPERS['supcon']
PAPERS['byol-dsn'] = PAPERS['byol']
DATASETS = {
    'in1k': 'ImageNet-1k',
    'cifar100': 'CIFAR-100',
    'cifar10': 'CIFAR-10',
    'cifar10_folder': 'CIFAR-10',
    'cub': 'CUB-200-2011',
    'cars': 'Stanford Cars',
    'flowers': 'Oxford 102 Flowers',
    'dogs': 'Stanford Dogs',
    'aircraft': 'FGVC-Aircraft',
    'coco': 'COCO',
}
CLASSIFICATION = {'top1': 'Top 1 Accuracy', 'top5': 'Top 5 Accuracy'}
DETECTION = {'AP': 'box AP', 'AP_S': 'AP S', 'AP_M': 'AP M', 'AP_L': 'AP L'}
MEASURED = PROJECT / 'docs' / 'rows'


# Those whose configs stand for a cell of a table, or for its twin.
FOLDERS = tuple(
    CONFIGS / name
    for name in (
        '',
        'cifar10',
        'cifar100',
        'kd',
        'representation',
        'semi',
        'finegrained',
        'detection',
    )
)


def metafile(folder: Path) -> str:
    """The text of a folder's ``metafile.yml``.

    Results are those of the paper, and ours where ``docs/rows`` has any;
    each says which it is.
    """
    leaves = sorted(folder.glob('*.py'))
    methods = [
        m for m in PAPERS if any(cell_of(p.stem).method == m for p in leaves)
    ]
    content = {
        'Collections': [_collection(method) for method in methods],
        'Models': [_model(path) for path in leaves],
    }
    return yaml.safe_dump(content, sort_keys=False, width=79)


def _collection(method):
    paper = PAPERS[method]
    entry = {'Name': method}
    if paper:
        entry['Paper'] = dict(zip(('Title', 'URL'), paper, strict=True))
    return entry


def _model(path):
    about = ast.get_docstring(ast.parse(path.read_text()))
    if not about:
        raise UserError(f'{path}: says nothing of itself; give it a header')
    return {
        'Name': path.stem,
        'In Collection': cell_of(path.stem).method,
        'Config': path.relative_to(CONFIGS.parent).as_posix(),
        'Description': about.partition('\n')[0],
        'Results': [*_published(path.stem), *_measured(path.stem)],
    }


def _published(stem):
    cell = cell_of(stem)
    names = DETECTION if cell.data == 'coco' else CLASSIFICATION
    found = {key: number for key in names if (number := published(cell, key))}
    if not found:
        return []
    where = next(iter(found.values())).where
    notes = [
        f'; {names[key]} {number.note}'
        for key, number in found.items()
        if number.note
    ]
    return [
        _result(
            cell.data,
            {names[key]: number.value for key, number in found.items()},
            f'published, {where} of the paper; not measured here'
            + ''.join(notes),
        )
    ]


@cache
def _results():
    files = sorted(MEASURED.glob('*.json'))
    return [json.loads(path.read_text()) for path in files]


def _measured(stem):
    return [
        _result(
            cell_of(stem).data,
            {CLASSIFICATION['top1']: round(result['last'], 2)},
            f'measured, scale {result["scale"]}, seed {result["seed"]}; see '
            'docs/results.md',
        )
        for result in _results()
        if result['name'] == stem
    ]


def _result(data, metrics, source):
    task = 'Object Detection' if data == 'coco' else 'Image Classification'
    return {
        'Task': task,
        'Dataset': DATASETS.get(data, data),
        'Metrics': metrics,
        'Source': source,
    }
