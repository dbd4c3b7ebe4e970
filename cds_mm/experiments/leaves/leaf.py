"""A leaf config as data: what it inherits, what it sets, what it is for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cds_mm.config.python_text import Name, Spread, merged
from cds_mm.config.view_settings import view_settings
from cds_mm.experiments.cell import Cell
from cds_mm.experiments.detectors import DETECTORS, Detector
from cds_mm.experiments.leaves.data import (
    DATA,
    MODELS,
    NEXT,
    OWN_INPUT,
    Data,
)
from cds_mm.experiments.leaves.settings import SETTINGS
from cds_mm.experiments.leaves.texts import NOTES, SCORES
from cds_mm.experiments.methods import METHODS
from cds_mm.experiments.published import published
from cds_mm.paths import CONFIGS

_OUR_CHOICE = ', our choice, since Table 7 does not name it'
_UNSTATED_WIDTH = '32x4d is our choice, the table does not say.'


@dataclass(frozen=True)
class Leaf:
    """A leaf config of the table.

    Attributes:
        cell: the method, model, data and variant that it is called after.
        row: of the table: the words of its columns.
    """

    cell: Cell
    row: Mapping[str, str]

    @property
    def is_detector(self) -> bool:
        """Whether it trains a detector."""
        return self.detector is not None

    @property
    def detector(self) -> Detector | None:
        """The config of MMDetection that it inherits, if it trains one."""
        return DETECTORS.get((self.cell.model, self.cell.data))

    @property
    def stem(self) -> str:
        """Of its file."""
        cell = self.cell
        if self.detector is None:
            return cell.name
        return self.detector.stem(cell.method, cell.variant)

    @property
    def path(self) -> Path:
        """Of its file."""
        return CONFIGS / self.row['folder'] / f'{self.stem}.py'

    @property
    def data(self) -> Data:
        """What it shares with others of its data set."""
        return DATA[self.cell.data]

    @property
    def gpus(self) -> int:
        """The number for which it is."""
        return int(self.row['gpus'] or self.data.gpus)

    @property
    def batch(self) -> int:
        """Images on each GPU."""
        named = self.detector and self.detector.batch
        return int(self.row['batch'] or named or self.data.batch)

    @property
    def bases(self) -> list[str]:
        """What it inherits: names in ``_base_``, or one config of a host."""
        if self.detector is not None:
            return [self.detector.config]
        row, cell = self.row, self.cell
        end = '_byol' if row['base'] == '-' else ''
        method = row['base'] or cell.method
        teacher = self._teacher
        named = {
            'models': f'{cell.model}{end}{self.data.model}',
            'methods': method if method != '-' else '',
            'teachers': teacher and f'{teacher}_{cell.data}',
            'datasets': row['dataset'] or cell.data,
            'schedules': self._schedule,
        }
        bases = [f'{place}/{name}' for place, name in named.items() if name]
        return [*bases, 'default_runtime']

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What it sets, nested."""
        parts: list[Mapping[str, Any]] = []
        if not self.is_detector and self.row['base'] != '-':
            parts.append({'model': {Spread('_base_.method'): None}})
            if self.data.classes:
                head = {'num_classes': self.data.classes}
                parts.append({'model': {'head': head}})
        if self._teacher:
            parts.append({'model': {'teacher': Name('_base_.teacher')}})
        if self.row['batch']:
            parts.append({'train_dataloader': {'batch_size': self.batch}})
        parts.append(SETTINGS[self.row['settings']](self.cell))
        views = self.row['views'] or METHODS[self.cell.method].views
        if views and not self.is_detector:
            parts.append(view_settings(views))
        if self.cell.model in OWN_INPUT:
            parts.append(_shown_as_to_a_detector(parts[-1]))
        return merged(*parts)

    @property
    def title(self) -> str:
        """Its first line."""
        method = METHODS[self.cell.method].label
        if self.detector is not None:
            by = method if method.isupper() else method.lower()
            what = 'SyncBN,' if self.cell.variant else 'backbone'
            return f'{self.detector.label}, {what} pretrained with {by}.'
        model = MODELS[self.cell.model]
        tail = self._filled(self.row['tail'] or '{epochs} epochs')
        return f'{method}, {model}, {self.data.label}, {tail}.'

    @property
    def note(self) -> str:
        """What is particular about it, in whole sentences, or nothing."""
        found = NOTES[self.row['note']]
        note = found if isinstance(found, str) else found[self.cell.method]
        note = self._filled(note)
        if self._teacher:
            *_, name = self._teacher.split('_')
            what = METHODS[self.cell.method].taught_by
            ours = self.cell.data == 'in1k' and self.cell.method != 'sskd'
            choice = _OUR_CHOICE if ours else ''
            note = f'{note}; teacher: {MODELS[name]} that {what}{choice}.'
        if (self.cell.model, self.cell.data) == ('rxt101', 'cifar100'):
            note = f'{note} {_UNSTATED_WIDTH}'
        return note.strip()

    @property
    def score(self) -> str:
        """What is said of it where no figure is published."""
        return SCORES[self.row['score']]

    @property
    def _teacher(self) -> str:
        """The base of its teacher without the data, or nothing."""
        name = self.row['teacher']
        return NEXT[self.cell.model] if name == 'next' else name

    @property
    def _schedule(self) -> str:
        return self._filled(self.row['schedule'] or self.data.schedule)

    def _filled(self, text: str) -> str:
        """A text of the table with what its placeholders stand for."""
        if '{' not in text:
            return text
        words = {'epochs': r'_(\d+)e', 'first': r'(\d+)e'}
        words |= {'percent': r'(\d+)pct', 'total': r'bs(\d+)'}
        cell = self.cell
        filled = dict(model=cell.model, data=cell.data, variant=cell.variant)
        for name, pattern in words.items():
            if f'{{{name}}}' in text:
                source = self._schedule if name == 'epochs' else cell.variant
                filled[name] = re.findall(pattern, source)[0]
        if '{other}' in text:  # the method in fine-tuning
            method = cell.variant.partition('-')[0]
            number = published(Cell(method, cell.model, cell.data))
            assert number is not None
            filled['other'] = number.printed
        return text.format(**filled)


def _shown_as_to_a_detector(views: Mapping[str, Any]) -> dict[str, Any]:
    """The preprocessor of some views, with a detector's order and mean."""
    own = '_base_.network_input'
    on_device = views.get('data_preprocessor')
    if on_device is None:
        return {'data_preprocessor': Name(own)}
    both: dict[str, None] = {Spread(on_device): None, Spread(own): None}
    return {'data_preprocessor': both}
