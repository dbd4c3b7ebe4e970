"""The text of a leaf config's file."""

import os
import textwrap

from cds_mm.config.python_text import WIDTH, assignments
from cds_mm.experiments.leaves.leaf import Leaf
from cds_mm.experiments.measured import measured_names
from cds_mm.experiments.published import published
from cds_mm.paths import CONFIGS, PROJECT

_TRAIN_ROOT = 'train_dataloader.dataset.data_root=data/images'
_OWN = (
    '--cfg-options',
    _TRAIN_ROOT,
    'val_dataloader.dataset.data_root=data/images',
    'model.head.num_classes=20',
)
# What the commands for images of your own add, by method.
_OWN_TEACHER = 'work_dirs/baseline_r50_folder/baseline_r50_folder.py'
_OPTIONS = {
    'supcon': ('--cfg-options', _TRAIN_ROOT),
    'byol': ('--cfg-options', f'{_TRAIN_ROOT}/unlabelled'),
    'kd': (*_OWN, f'model.teacher.config={_OWN_TEACHER}'),
}


def text_of(leaf: Leaf) -> str:
    """What is in the file of a leaf config."""
    parts = [_header(leaf), _bases(leaf), '\n'.join(_body(leaf))]
    return '\n\n'.join(parts) + '\n'


def _header(leaf: Leaf) -> str:
    body = ' '.join(filter(None, (leaf.note, _hardware(leaf), _score(leaf))))
    commands = '\n'.join(_commands(leaf))
    filled = textwrap.fill(
        # A number and its unit stay together.
        body.replace(' %', '\xa0%'),
        WIDTH,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace('\xa0', ' ')
    text = f'{leaf.title}\n\n{commands}\n\n{filled}\n'
    raw = 'r' if '\\' in text else ''
    return f'{raw}"""{text}"""'


def _bases(leaf: Leaf) -> str:
    if leaf.is_detector:
        return f"_base_ = '{leaf.bases[0]}'"
    up = os.path.relpath(CONFIGS / '_base_', leaf.path.parent)
    names = (f"    '{up}/{base}.py'," for base in leaf.bases)
    return '\n'.join(['_base_ = [', *names, ']'])


def _body(leaf: Leaf) -> list[str]:
    return assignments(leaf.settings)


def _hardware(leaf: Leaf) -> str:
    if leaf.gpus == 1:
        return f'For 1 GPU with {leaf.batch} images.'
    fewer = ' With fewer GPUs add --auto-scale-lr.'
    own = fewer if leaf.cell.data == 'folder' else ''
    return f'For {leaf.gpus} GPUs with {leaf.batch} images each.{own}'


def _score(leaf: Leaf) -> str:
    if leaf.cell.data == 'folder':
        return 'Not measured.'
    number = published(leaf.cell, 'AP' if leaf.is_detector else 'top1')
    said = leaf.score
    if number:
        what = 'Box AP {}' if leaf.is_detector else 'Top-1 {} %'
        note = f', {number.note}' if number.note else ''
        said = (
            f'{what.format(number.printed)} published ({number.where}{note})'
        )
    measured = 'not measured here'
    if leaf.stem in measured_names():
        measured = (
            'not measured at this scale; a smaller scale is in docs/results.md'
        )
    text = f'{said}; {measured}.' if said else f'{measured}.'
    return text[0].upper() + text[1:]


def _commands(leaf: Leaf) -> list[str]:
    config = leaf.path.relative_to(PROJECT).as_posix()
    if leaf.detector is not None and not leaf.cell.variant:
        run = leaf.detector.run(leaf.cell.method)
        convert = [
            'python tools/convert_backbone.py',
            f'{run}/epoch_90.pth',
            f'{run}/backbone.pth',
            f'--detector {config}',
        ]
        return [*_wrapped(convert), *_train(leaf, config)]
    return _train(leaf, config)


def _train(leaf: Leaf, config: str) -> list[str]:
    options: tuple[str, ...] = ()
    if leaf.cell.data == 'folder':
        options = _OPTIONS.get(leaf.cell.method, _OWN)
    if leaf.gpus == 1:
        return _wrapped(['python tools/train.py', config, *options])
    nodes = f'NNODES={leaf.gpus // 8} ' if leaf.gpus > 8 else ''
    start = f'{nodes}tools/dist_train.sh'
    return _wrapped([start, f'{config} 8', *options])


def _wrapped(words: list[str]) -> list[str]:
    """A command, continued on further lines where one is too short."""
    lines = [f'    {words[0]}']
    for number, word in enumerate(words[1:], 2):
        ends = ' \\' if number < len(words) else ''
        if len(f'{lines[-1]} {word}{ends}') <= WIDTH:
            lines[-1] += f' {word}'
        else:
            lines[-1] += ' \\'
            lines.append(f'        {word}')
    return lines
