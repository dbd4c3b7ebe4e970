"""The files and initialisers in ``init_cfg``, seen before they are used."""

from difflib import get_close_matches
from pathlib import Path

from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import WEIGHT_INITIALIZERS, build_from_cfg
from torch import nn

from cds_mm.checkpoint.host_loader import is_remote
from cds_mm.checkpoint.own_loading import reads_its_file
from cds_mm.config import key_of_part, named_starts, type_advice
from cds_mm.distributed import unwrapped
from cds_mm.engine.hand_over import check_start
from cds_mm.engine.misspelt import taken
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError
from cds_mm.outcome import one_line

_WHOLE = (
    'model.init_cfg',
    'model.pretrained',
    'model.detector.init_cfg',
)


def check_init_files(cfg: Config) -> None:
    """See that all files exist, and compare those of a whole detector.

    What other parts take is compared when MMEngine has loaded it
    (``LoadedWeightsHook``).

    Args:
        cfg: of a training.

    Raises:
        UserError: one is missing, or its backbone is not what the detector
            would run.
    """
    for one in named_starts(cfg):
        if is_remote(one.checkpoint):
            continue
        if not Path(one.checkpoint).expanduser().exists():
            raise UserError(
                f'{one.checkpoint}: there is no such file, and {one.key} '
                'starts from it; check the path, or take the setting out'
            )
        if one.key in _WHOLE and not cfg.get('load_from'):
            start = one.prefix or ''
            start = start if start.endswith('.') or not start else f'{start}.'
            file = PretrainedFile(one.checkpoint, f'{start}backbone.')
            meta = file.read().get('meta')
            meta = meta if isinstance(meta, dict) else {}
            check_start(cfg, file, meta, one.key)


def check_initialisers(model: nn.Module, cfg: Config) -> None:
    """See that MMEngine can build what each ``init_cfg`` names.

    It does so when training begins; building one changes nothing.

    Args:
        model: built, wrapped or not.
        cfg: of the run.

    Raises:
        UserError: it is unknown, or takes other arguments.
    """
    for name, module in unwrapped(model).named_modules():
        # Other classes may read it in a way of their own.
        if not isinstance(module, BaseModule) or reads_its_file(module):
            continue
        settings = module.init_cfg or []
        inits = [settings] if isinstance(settings, dict) else settings
        for init in inits:
            if 'type' not in init:
                key = key_of_part(cfg, name, settings)
                raise UserError(
                    f'{key}: has no type, so that nothing is loaded; '
                    + type_advice(cfg, key, init)
                )
            given = {k: v for k, v in dict(init).items() if k != 'override'}
            try:
                build_from_cfg(given, WEIGHT_INITIALIZERS)
            except Exception as error:  # as MMEngine would raise it
                key = key_of_part(cfg, name, settings)
                raise UserError(
                    f'{key}={dict(init)!r:.120}: cannot be built '
                    f'({one_line(error)[:160]}); {_advice(init)}'
                ) from error


def _advice(init: dict) -> str:
    known = [
        name for name in WEIGHT_INITIALIZERS.module_dict if name[0].isupper()
    ]
    kind = init.get('type')
    built = WEIGHT_INITIALIZERS.get(kind) if isinstance(kind, str) else kind
    if built is None:
        like = get_close_matches(str(kind).capitalize(), known, 1, 0.6)
        return (
            f'did you mean type={like[0]!r}?'
            if like
            else f'its type is one of {", ".join(known)}'
        )
    takes = taken(built)
    for name in init:
        if name not in (*takes, 'type', 'override'):
            like = get_close_matches(str(name), takes, 1, 0.5)
            if like:
                return f'did you mean {like[0]}?'
    return f'it takes {", ".join(takes)}'
