"""Stops a run that trains other weights than those that it has loaded."""

from collections.abc import Iterable
from functools import partial
from itertools import groupby
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn

from cds_mm.checkpoint import host_loader
from cds_mm.checkpoint.init_file import under_prefix
from cds_mm.checkpoint.sketches import (
    Sketch,
    most_are_turned,
    sketch,
    sketches,
)
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError
from cds_mm.hooks.arrived_parts import check_arrived, check_prefixes
from cds_mm.hooks.first_step import BeforeStep
from cds_mm.hooks.loaded_parts import (
    Loaded,
    Start,
    of_checkpoint,
    of_init_cfg,
    starts_of,
    tensors_of,
)
from cds_mm.hooks.of_training import trains
from cds_mm.run_warnings import warn

IN_THE_FIRST = 'in the first iteration'


@HOOKS.register_module()
class LoadedWeightsHook(Hook):
    """See that weights arrive and are there in the first iteration.

    A file that an ``init_cfg`` names has the tensors of its part, or the run
    ends.  Of each of these files, at any depth, and of the one in
    ``load_from``, checksums and a few numbers are kept while MMEngine loads
    it.  Before the first iteration the model is compared with them; before
    the first step, no part may have been built or initialised again.  A
    replaced backbone, or a part with an ``init_cfg`` of its own, ends the
    run; of the other weights of a checkpoint, such as a head that starts
    again on purpose, it is a warning.
    """

    # After every hook that may still change the model.
    priority = 'LOWEST'

    def __init__(self):
        self._runner: Runner | None = None
        self._starts: list[Start] = []
        self._files: dict[str, dict[str, Sketch] | None] = {}
        self._started: dict[str, Sketch] = {}
        self._loaded: dict[str, Loaded] = {}
        self._parts: dict[str, nn.Module] = {}
        self._due: BeforeStep | None = None

    def before_run(self, runner: Runner) -> None:
        """Watch what MMEngine loads from here on."""
        if trains(runner):
            self._runner = runner
            self._starts = starts_of(unwrapped(runner.model))
            self._files = {one.source: None for one in self._starts}
            host_loader.observers.add(self)

    def file_loaded(self, filename: str, content: Any) -> None:
        """Keep what is needed to know its tensors again."""
        if filename in self._files and isinstance(content, dict):
            given = sketches(_state_of(content))
            self._files[filename] = given
            if self._runner is not None:
                parts = [x for x in self._starts if x.source == filename]
                model = unwrapped(self._runner.model)
                check_prefixes(model, parts, given, self._runner.cfg)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """The same for ``load_from``, as the hooks before have left it."""
        self._started = under_prefix(sketches(_state_of(checkpoint)), None)

    def before_train(self, runner: Runner) -> None:
        """Compare the model with the files.

        Raises:
            UserError: a part is not in its file, or a backbone is not what
                was loaded.
        """
        host_loader.observers.discard(self)
        self._runner = None
        model = unwrapped(runner.model)
        check_arrived(
            model, self._starts, self._files, self._started, runner.cfg
        )
        source = str(runner._load_from or 'the checkpoint')
        self._loaded = {
            **of_init_cfg(model, self._starts, self._files),
            **of_checkpoint(model, self._started, source),
        }
        self._files, self._started = {}, {}
        self._refuse_changes(runner, 'before training began')
        # Statistics may be estimated again, and go on in any case.
        live = dict(model.named_parameters())
        self._loaded = {
            key: loaded._replace(sketch=sketch(live[key]))
            for key, loaded in self._loaded.items()
            if key in live
        }
        names = {one.part for one in self._loaded.values() if one.certain}
        self._parts = {name: model.get_submodule(name) for name in names}

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None
    ) -> None:
        """See that nobody has changed them since."""
        self._refuse_changes(runner, 'before the first iteration')
        if self._loaded:
            self._due = BeforeStep(runner, partial(self._refuse_new, runner))

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: dict | None = None,
    ) -> None:
        """See that the first step began from them."""
        if self._due is not None:
            self._due.do()  # where gradients are accumulated, say
        self._due, self._loaded, self._parts = None, {}, {}

    def _refuse_new(self, runner: Runner) -> None:
        live = tensors_of(unwrapped(runner.model))
        for one, keys in _by_part(self._loaded, self._loaded):
            kept = {key: self._loaded[key].sketch for key in keys}
            if self._is_gone(runner, one) or most_are_turned(kept, live):
                _report(runner, one, IN_THE_FIRST, keys)

    def _refuse_changes(self, runner, when: str) -> None:
        live = tensors_of(unwrapped(runner.model)) if self._loaded else {}
        changed = {
            key
            for key, one in self._loaded.items()
            if key not in live or not one.sketch.is_of(live[key])
        }
        for one, keys in _by_part(self._loaded, self._loaded):
            lost = [key for key in keys if key in changed]
            if lost or self._is_gone(runner, one):
                weights = any(
                    isinstance(live.get(key), nn.Parameter | None)
                    for key in lost or keys
                )
                one = one._replace(certain=one.certain and weights)
                _report(runner, one, when, lost or keys)
        for key in changed:  # they were warned of
            del self._loaded[key]

    def _is_gone(self, runner, one: Loaded) -> bool:
        if one.part not in self._parts:
            return False
        there = unwrapped(runner.model).get_submodule(one.part)
        return there is not self._parts[one.part]


def _state_of(content: dict) -> dict:
    return content.get('state_dict', content)


def _by_part(loaded: dict[str, Loaded], keys: Iterable[str]):
    """The first tensor of each part, and the names of all of them."""

    def part(key):
        return loaded[key].certain, loaded[key].part, loaded[key].source

    for _, group in groupby(sorted(keys, key=part, reverse=True), key=part):
        names = [*group]
        yield loaded[names[0]], names


def _report(runner, one: Loaded, when: str, keys: list[str]) -> None:
    part = f'model.{one.part}' if one.part else 'the model'
    text = (
        f'{one.source}: was loaded, but {when} {len(keys)} of its tensors in '
        f'{part} were replaced (the first is {keys[0]}): built or initialised '
        f'again; take out the hook or the code that does so'
    )
    if one.certain:
        raise UserError(text)
    warn(f'{text}, if that is not on purpose', runner.logger)
