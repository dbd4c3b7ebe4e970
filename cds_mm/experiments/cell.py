"""A cell of a table: a method, a model, a data set, and its leaf config."""

from dataclasses import dataclass
from pathlib import Path

from cds_mm.config.leaf_names import leaf_files
from cds_mm.errors import UserError
from cds_mm.experiments.detectors import is_detector_name


@dataclass(frozen=True)
class Cell:
    """What a leaf config is called after.

    Attributes:
        method: as the configs call it, e.g. 'dks'.
        model: e.g. 'r18'.
        data: e.g. 'cifar100', or 'cifar10_folder'.
        variant: what comes after, e.g. 'sepconv' or '600e'; or nothing.
    """

    method: str
    model: str
    data: str
    variant: str = ''

    @classmethod
    def parse(cls, method: str, model: str, data: str) -> 'Cell':
        """Read ``method`` or ``method:variant`` of a command line."""
        method, _, variant = method.partition(':')
        return cls(method, model, data, variant)

    @property
    def name(self) -> str:
        """The stem of the leaf config's file."""
        parts = (self.method, self.model, self.data, self.variant)
        return '_'.join(part for part in parts if part)

    @property
    def title(self) -> str:
        """The method, with its variant."""
        return (
            f'{self.method}, {self.variant}' if self.variant else self.method
        )


def cell_of(stem: str) -> Cell:
    """The cell that a leaf config's name speaks of.

    A detector's, ``retinanet_r50-cds_fpn[_syncbn]_1x_coco``, is the method
    'cds' on the model 'retinanet_r50'.
    """
    first, model, *rest = stem.split('_')
    if not is_detector_name(stem):
        data, *rest = rest
        if rest[:1] == ['folder']:  # 'cifar10_folder' is one data set
            data, *rest = f'{data}_folder', *rest[1:]
        return Cell(first, model, data, '_'.join(rest))
    backbone, _, method = (
        model.rpartition('-') if '-' in model else (model, '', '')
    )
    *variant, _, data = rest
    variant = [word for word in variant if word != 'fpn']
    return Cell(method, f'{first}_{backbone}', data, '_'.join(variant))


def find_config(cell: Cell) -> Path:
    """The leaf config of a cell.

    Raises:
        UserError: there is none; it names those that are near.
    """
    files = leaf_files()
    if cell.name not in files:
        like = f'_{cell.model}_{cell.data}'
        near = sorted(stem for stem in files if like in stem)
        raise UserError(
            f'{cell.name}: there is no such config; for this model and data '
            f'there are {", ".join(near) or "none at all"}'
        )
    return files[cell.name]
