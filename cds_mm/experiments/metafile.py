"""The ``metafile.yml`` files: every leaf config with its results."""

import ast
from pathlib import Path

import yaml

from cds_mm.errors import UserError
from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.published import published
from cds_mm.paths import CONFIGS, PROJECT

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
        f'; {names[key]}: {number.note}'
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


def _measured(stem):
    return [
        _result(
            cell_of(stem).data,
            {CLASSIFICATION['top1']: round(result['last'], 2)},
            f'measured, scale {result["scale"]}, seed {result["seed"]}; see '
            'docs/results.md',
        )
        for result in results()
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
