"""The ``metafile.yml`` files: leaf configs with their results."""

from pathlib import Path

import yaml

from cds_mm.config.leaf_names import leaf_files
from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.leaves import first_line, folders
from cds_mm.experiments.measured import results
from cds_mm.experiments.methods import METHODS
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
    'voc0712': 'Pascal VOC 2007+2012',
}
CLASSIFICATION = {'top1': 'Top 1 Accuracy', 'top5': 'Top 5 Accuracy'}
DETECTION = {'AP': 'box AP', 'AP_S': 'AP S', 'AP_M': 'AP M', 'AP_L': 'AP L'}


def metafile(folder: Path) -> str:
    """The text of a folder's ``metafile.yml``.

    ``Results`` are ours, where ``docs/rows`` has any: that is where hosts put
    what was measured with a file of weights.  Those of the paper are under
    ``Published``, a key that no host reads.
    """
    leaves = [p for p in leaf_files().values() if p.parent == folder]
    named = {cell_of(path.stem).method for path in leaves}
    content = {
        'Collections': [_collection(m) for m in METHODS if m in named],
        'Models': [_model(path) for path in leaves],
    }
    return yaml.safe_dump(content, sort_keys=False, width=79)


def model_index() -> str:
    """The text of ``model-index.yml``, which names all of them."""
    names = [
        (folder / 'metafile.yml').relative_to(PROJECT).as_posix()
        for folder in folders()
    ]
    return yaml.safe_dump({'Import': names}, sort_keys=False)


def _collection(method):
    paper = METHODS[method].paper
    entry = {'Name': method}
    if paper:
        entry['Paper'] = {'Title': paper.title, 'URL': paper.url}
    return entry


def _model(path):
    entry = {
        'Name': path.stem,
        'In Collection': cell_of(path.stem).method,
        'Config': path.relative_to(CONFIGS.parent).as_posix(),
        'Description': first_line(path),
        'Results': _measured(path.stem),
    }
    elsewhere = _published(path.stem)
    return entry | {'Published': elsewhere} if elsewhere else entry


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
