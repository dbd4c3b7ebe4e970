"""MMDetection's own detectors on the operations that are in use.

One of each of its folders takes a training step and predicts, on a CPU, with
random weights and random images: the question is whether it runs.
"""

import contextlib
import logging
import multiprocessing
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import cds_mm.hosts  # noqa: F401

import torch
import yaml
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.utils import import_modules_from_strings

from cds_mm.analysis.random_scenes import random_scenes
from cds_mm.config import load_config, plain_batchnorm, with_preprocessor
from cds_mm.config.files import imported_modules
from cds_mm.errors import first_line
from cds_mm.ops import OpNotProvidedError, status
from cds_mm.ops.needs import missing_ops
from cds_mm.quiet import quiet_hosts_load

IMAGES, SIDE = 2, 128
# Its maps and anchors are for this size alone.
_SIDES = {'ssd': 300}
# Trackers, readers of text, and semi-supervised ones, which take several
# batches at once.
_OTHER_INPUT = (
    'bytetrack deepsort mask2former_vis masktrack_rcnn ocsort qdtrack sort '
    'strongsort glip grounding_dino mm_grounding_dino soft_teacher'
).split()
RUNS = 'yes'
_LIMIT = 600.0  # seconds
_SHOWN = 80


@dataclass(frozen=True)
class Trial:
    """What came of a detector.

    Attributes:
        config: as MMDetection names it, from its folder on.
        step: 'yes', or the first line of the error.
        predict: the same of a prediction.
    """

    config: str
    step: str
    predict: str

    @property
    def runs(self) -> bool:
        """Whether it does both."""
        return self.step == self.predict == RUNS


def stock_configs() -> dict[str, str]:
    """The first config of each folder that MMDetection's index lists.

    Returns:
        dict: by folder, ``folder/name.py``; those of other inputs than images
        with boxes are left out.
    """
    spec = find_spec('mmdet')
    assert spec and spec.origin, 'imported above'
    root = Path(spec.origin).parent / '.mim'
    found: dict[str, str] = {}
    for metafile in _read(root / 'model-index.yml')['Import']:
        folder = Path(metafile).parent.name
        content = _read(root / metafile)
        models = content['Models'] if isinstance(content, dict) else content
        names = (model['Config'] for model in models if 'Config' in model)
        there = [name for name in names if (root / name).is_file()]
        if there and folder not in _OTHER_INPUT:
            found[folder] = there[0].removeprefix('configs/')
    return found


def _read(path: Path):
    return yaml.safe_load(path.read_text(encoding='utf-8'))


def try_detector(config: str) -> Trial:
    """Build a detector of MMDetection, train one step, predict.

    Args:
        config: ``folder/name.py`` among its configs.
    """
    try:
        torch.manual_seed(0)
        cfg = _without_files(load_config(f'mmdet::{config}'))
        side = _SIDES.get(config.partition('/')[0], SIDE)
        # Those that find proposals themselves would leave that out.
        given = 'roi_head' in cfg.model and 'rpn_head' not in cfg.model
        scenes = random_scenes(IMAGES, side, proposals=given)
        model = MODELS.build(with_preprocessor(cfg))
        model.init_weights()
        # What a runner says and some losses ask for.
        MessageHub.get_current_instance().update_info_dict(
            dict(iter=0, max_iters=1000, epoch=0, max_epochs=12)
        )
    except Exception as error:  # of the host's code
        return Trial(config, _said(error), 'not built')
    lacking = lacking_operations(model)
    return Trial(
        config,
        lacking.get('training') or _tried(_step, model, scenes),
        lacking.get('prediction') or _tried(_predict, model, scenes),
    )


def lacking_operations(model: BaseModel) -> dict[str, str]:
    """A cell by phase, where a model calls what has no stand-in.

    A step on random boxes may not reach it: PISA's sampler calls its
    operation once a score is high.
    """
    ops = status()
    if ops.state != 'stand-in':
        return {}
    model.train()  # of a student with a teacher, this returns nothing
    cells: dict[str, str] = {}
    for missing in missing_ops(model, ops.provided):
        cells = dict.fromkeys(missing.phases, _needs(missing.op)) | cells
    return cells


def _tried(part: Callable, model: BaseModel, scenes: dict) -> str:
    try:
        part(model, scenes)
    except Exception as error:  # of the host's code
        return _said(error)
    return RUNS


def _said(error: Exception) -> str:
    """A cell of the table."""
    said = first_line(error).replace('|', '/')
    if isinstance(error, OpNotProvidedError):
        return _needs(said.partition(':')[0])
    return f'{type(error).__name__}: {said[:_SHOWN]}'


def _needs(operation: str) -> str:
    return f'needs `{operation}`'


def _without_files(cfg: Config) -> Config:
    """The config for random weights, one process and a CPU."""
    init_default_scope('mmdet')
    import_modules_from_strings(imported_modules(cfg))
    _strip(cfg.model)
    plain_batchnorm(cfg.model)
    return cfg


def _strip(part) -> None:
    """Take out what names a file of weights, in place."""
    if not isinstance(part, dict):
        for child in part:
            if isinstance(child, dict | list | tuple):
                _strip(child)
        return
    init = part.get('init_cfg')
    if isinstance(init, dict) and 'checkpoint' in init:
        part['init_cfg'] = None
    for key in ('pretrained', 'teacher_ckpt'):
        if isinstance(part.get(key), str):
            part[key] = None
    if isinstance(part.get('teacher_config'), str):
        part['teacher_config'] = _teacher(part['teacher_config'])
    _strip([*part.values()])


def _teacher(path: str) -> Config:
    """The config of a teacher, which its student names by a file."""
    cfg = load_config(f'mmdet::{path.removeprefix("configs/")}')
    _strip(cfg.model)
    return cfg


def _step(model: BaseModel, scenes: dict) -> None:
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    wrapper = OptimWrapper(torch.optim.SGD(trained, lr=1e-4))
    losses = model.train_step(scenes, wrapper)
    for name, loss in losses.items():
        if not torch.isfinite(loss).all():
            raise FloatingPointError(f'{name} is not finite')


def _predict(model: BaseModel, scenes: dict) -> None:
    # Of one image, as MMDetection tests; some take no more.
    one = {name: values[:1] for name, values in scenes.items()}
    model.eval()
    with torch.no_grad():
        found = model.test_step(one)
    if len(found) != 1:
        raise ValueError(f'{len(found)} results for an image')


def try_detectors(configs: Iterable[str]) -> Iterator[Trial]:
    """Try each in a process of its own, one after the other.

    Args:
        configs: as :func:`try_detector` takes them.
    """
    import_module('mmdet.models')
    context = multiprocessing.get_context('fork')
    for config in configs:
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_in_child, args=(config, sender))
        child.start()
        sender.close()
        if receiver.poll(_LIMIT):
            with contextlib.suppress(EOFError):
                yield receiver.recv()
                child.join()
                continue
        child.kill()
        child.join()
        yield Trial(
            config, f'no result (process ended by {child.exitcode})', ''
        )


def _in_child(config: str, sender) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter('ignore')
    with quiet_hosts_load():
        sender.send(try_detector(config))
