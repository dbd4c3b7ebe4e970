"""Which runs a row consists of, and where each has its files."""

import hashlib
import inspect
import json
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from cds_mm.choices import ROWS
from cds_mm.config import apply_options, is_detection, load_config
from cds_mm.errors import UserError
from cds_mm.experiments.cell import Cell, cell_of, find_config
from cds_mm.experiments.needs import NamedRun, named_runs
from cds_mm.experiments.scale import Scale

# What changes how fast a run is, and not what comes out.
_SPEED = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
# Of whatever teaches: students differ, their teacher does not.
TEACHER_SEED = 0
# The other names in a config are for its files' own use.
READ = frozenset(inspect.signature(Runner.__init__).parameters) | {
    # It looks these up by itself, in the whole config.
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
}


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        cell: what is trained.
        scale: how much smaller.
        seed: of the run.
        ranks: processes that share it.
        leaf: the leaf config's path.
        config: the config as it is run.
        folder: for its files; another config, or another number of ranks,
            has another folder.
        needs: the runs whose last checkpoints it starts or learns from.
    """

    cell: Cell
    scale: Scale
    seed: int
    ranks: int
    leaf: Path
    config: Config
    folder: Path
    needs: tuple['Run', ...] = ()

    @property
    def depth(self) -> int:
        """How many runs have to be run before it, one after the other."""
        return 1 + max((need.depth for need in self.needs), default=-1)

    @property
    def config_file(self) -> Path:
        """Where the config is written."""
        return self.folder / f'{self.cell.name}.py'

    @property
    def config_hash(self) -> str:
        """SHA-256 of all that decides on the result but the seed."""
        return hash_run(self.config, self.ranks)

    @property
    def epochs(self) -> int:
        """How many it has."""
        return self.config.train_cfg.max_epochs

    @property
    def result_file(self) -> Path:
        """The result, which is written when the run has ended."""
        return self.folder / 'result.json'

    @property
    def last_checkpoint(self) -> Path:
        """What is there when all epochs are trained."""
        return self.folder / f'epoch_{self.epochs}.pth'

    def is_started(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(self.folder.glob('epoch_*.pth'))


def plan_runs(
    cells: list[Cell],
    seeds: list[int],
    scale: Scale,
    work_dir: Path = ROWS,
    options: dict | None = None,
    ranks: int = 1,
) -> list[Run]:
    """The runs of a row, seed by seed; :func:`with_needs` has the others.

    Args:
        cells: what is compared.
        seeds: each cell is trained with each.
        scale: of all.
        work_dir: for the runs' folders.
        options: settings for all, as of ``--cfg-options``.
        ranks: processes of each run.

    Raises:
        UserError: a cell has no config, or its recipe is for another total
            batch size.
    """
    planner = Planner(Path(work_dir), options or {}, ranks)
    return [planner.plan(c, seed, scale) for seed in seeds for c in cells]


def with_needs(runs: list[Run]) -> list[Run]:
    """``runs``, and before each of them those that it builds on, once."""
    return distinct([r for last in runs for r in [*all_needs(last), last]])


def distinct(runs: list[Run]) -> list[Run]:
    """The same runs, each folder once."""
    return list({run.folder: run for run in runs}.values())


def all_needs(run: Run) -> list[Run]:
    """What a run builds on, and that on which this does, the first first."""
    return [n for need in run.needs for n in [*all_needs(need), need]]


@dataclass(frozen=True)
class Planner:
    """What all runs of a row have in common.

    Attributes:
        work_dir: for the runs' folders.
        options: settings for all.
        ranks: processes of each run.
    """

    work_dir: Path
    options: dict
    ranks: int

    def plan(
        self, cell: Cell, seed: int, scale: Scale, is_asked_for: bool = True
    ) -> Run:
        """Plan one run, and those whose checkpoints its config names.

        Args:
            cell: of the run.
            seed: of the run.
            scale: of the run.
            is_asked_for: whether all options are for it.  A run that another
                builds on gets those whose place it has.
        """
        leaf = find_config(cell)
        config = scale.apply(load_config(str(leaf)), cell.data)
        options = {
            key: value
            for key, value in self.options.items()
            if is_asked_for or _has_place(config._cfg_dict, key)
        }
        apply_options(config, options)
        _check_recipe(cell, config, self.ranks)
        needs = [
            self._plan_need(named, seed, scale)
            for named in named_runs(config._cfg_dict, READ)
        ]
        name = f'{cell.name}_{hash_run(config, self.ranks)[:8]}'
        folder = self.work_dir / scale.name / name / f'seed{seed}'
        return Run(
            cell, scale, seed, self.ranks, leaf, config, folder, tuple(needs)
        )

    def _plan_need(self, named: NamedRun, seed, scale):
        # One teacher teaches all; a first stage is a part of its run.
        if named.is_teacher:
            seed, scale = TEACHER_SEED, scale.of_teachers()
        need = self.plan(cell_of(named.stem), seed, scale, False)
        named.replace(need.config_file, need.last_checkpoint)
        return need


def _has_place(config, key: str) -> bool:
    """Whether the part of a config is there that a dotted key would go to."""
    *parents, _ = key.split('.')
    for parent in parents:
        if isinstance(config, list | tuple) and parent.isdigit():
            config = dict(enumerate(config)).get(int(parent))
        else:
            config = config.get(parent) if isinstance(config, dict) else None
    return config is not None


def _check_recipe(cell, config, ranks):
    if is_detection(config):
        raise UserError(
            f'{cell.name}: run_row fills rows of classification; convert the '
            'backbone and train the detector with tools/train.py'
        )
    batch = config.train_dataloader.batch_size
    recipe = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if recipe and batch * ranks != recipe:
        raise UserError(
            f'{cell.name}: {ranks} x {batch} images a step, but its learning '
            f'rate is for {recipe}; give --gpus {max(1, recipe // batch)}, or '
            'set train_dataloader.batch_size or auto_scale_lr.base_batch_size '
            'with --cfg-options'
        )


def hash_run(config: Config, ranks: int = 1) -> str:
    """SHA-256 of what decides on a result, whatever the order of the keys."""
    whole = config._cfg_dict.to_dict()
    content = {key: whole[key] for key in sorted(READ & whole.keys())}
    (content.get('randomness') or {}).pop('seed', None)
    for key, part in content.items():
        if key.endswith('_dataloader') and part:
            for speed in _SPEED:
                part.pop(speed, None)
    text = json.dumps([content, ranks], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
