"""Which runs a row consists of, and where each has its files."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from cds_mm.configfile import load_config
from cds_mm.paths import PROJECT
from cds_mm.rows.cell import Cell, find_config
from cds_mm.rows.scale import Scale

ROWS = Path('work_dirs/rows')


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        cell: what is trained.
        scale: how much smaller.
        seed: of the run.
        leaf: the leaf config's path.
        config: the config as it is run.
        folder: for its files; another config has another folder.
    """

    cell: Cell
    scale: Scale
    seed: int
    leaf: Path
    config: Config
    folder: Path

    @property
    def config_hash(self) -> str:
        """SHA-256 of everything that is run but the seed."""
        return hash_config(self.config)

    @property
    def result_file(self) -> Path:
        """The result, which is written when the run has ended."""
        return self.folder / 'result.json'

    def is_started(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(self.folder.glob('epoch_*.pth'))


def plan_runs(
    cells: list[Cell],
    seeds: list[int],
    scale: Scale,
    work_dir: Path = ROWS,
    options: dict | None = None,
) -> list[Run]:
    """All runs of a row, seed by seed.

    Args:
        cells: what is compared.
        seeds: each cell is trained with each.
        scale: of all.
        work_dir: for the runs' folders.
        options: settings for all, as of ``--cfg-options``.

    Raises:
        UserError: a cell has no config.
    """
    runs = []
    for seed in seeds:
        for cell in cells:
            leaf = find_config(cell)
            config = scale.apply(load_config(str(leaf)))
            config.merge_from_dict(options or {})
            name = f'{cell.name}_{hash_config(config)[:8]}'
            folder = Path(work_dir) / scale.name / name / f'seed{seed}'
            runs.append(Run(cell, scale, seed, leaf, config, folder))
    return runs


def hash_config(config: Config) -> str:
    """SHA-256 of a config's content, whatever the order of its keys."""
    content = config._cfg_dict.to_dict()
    content.pop('randomness', None)
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def shown(path: Path) -> str:
    """A path of the project as it is written in a document."""
    path = Path(path)
    inside = path.is_absolute() and path.is_relative_to(PROJECT)
    return str(path.relative_to(PROJECT) if inside else path)
