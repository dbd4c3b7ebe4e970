"""What a config says: kinds, evaluators, what it is pretrained from."""

from mmengine.config import Config

from cds_mm.errors import UserError


def type_name(config: dict) -> str:
    """The bare name in ``type``: a string, with a scope or not, or a class."""
    kind = config.get('type') or ''
    name = kind if isinstance(kind, str) else kind.__name__
    return name.rpartition('.')[2]


def is_detection(cfg: Config) -> bool:
    """Whether a config is one of MMDetection's.

    Configs of the new style name classes and may have no scope.
    """
    scope = cfg.get('default_scope')
    if scope is None:
        kind = (cfg.get('model') or {}).get('type')
        return getattr(kind, '__module__', '').startswith('mmdet.')
    return scope == 'mmdet'


def evaluators(cfg: Config, split: str) -> list[dict]:
    """The evaluators of a split as a list; the host takes a single one, too.

    Args:
        cfg: a full config.
        split: 'train', 'val' or 'test'.
    """
    return [evaluator for _, evaluator in placed_evaluators(cfg, split)]


def placed_evaluators(cfg: Config, split: str) -> list[tuple[str, dict]]:
    """The evaluators of a split, each with its key for ``--cfg-options``.

    MMDetection's evaluator of several data sets holds one for each.

    Args:
        cfg: a full config.
        split: 'train', 'val' or 'test'.
    """
    key = f'{split}_evaluator'
    found = cfg.get(key) or []
    if isinstance(found, dict):
        inner = found.get('metrics')
        if not isinstance(inner, list | tuple):
            return [(key, found)]
        key, found = f'{key}.metrics', inner
    return [(f'{key}.{number}', one) for number, one in enumerate(found)]


def preprocessor_settings(cfg: Config | dict) -> dict:
    """The data preprocessor of a config; the model's own is the one used.

    Args:
        cfg: of a classifier; empty where there is none.

    Raises:
        UserError: one of them is not a dict.
    """
    own = _settings(_model(cfg), 'data_preprocessor', cfg)
    return own or _settings(cfg, 'data_preprocessor', cfg)


def network_settings(cfg: Config | dict) -> dict:
    """The part of ``model`` that holds backbone and heads.

    Semi-supervised wrappers hold a detector one level deeper.

    Args:
        cfg: of a classifier or a detector; empty where there is none.

    Raises:
        UserError: the model, its detector or its backbone is not a dict.
    """
    model = _model(cfg)
    inner = _settings(model, 'detector', cfg) or model
    _settings(inner, 'backbone', cfg)
    return inner


def _model(cfg):
    return _settings(cfg, 'model', cfg)


def _settings(parent, key, cfg):
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        name = getattr(cfg, 'filename', None) or 'the config'
        raise UserError(
            f'{name}: {key}={value!r:.60} is not a dict; give one, with '
            'type=...'
        )
    return value


def is_pretrained(init: object) -> bool:
    """Whether an ``init_cfg`` names a file."""
    if not isinstance(init, dict):
        return False
    # The second is the name of its class, as configs of the new style have it.
    named = type_name(init) in ('Pretrained', 'PretrainedInit')
    return named and bool(init.get('checkpoint'))


def pretrained_init(cfg: Config | dict) -> dict | None:
    """The ``init_cfg`` of type 'Pretrained' of a config's backbone.

    Args:
        cfg: of a classifier or a detector.
    """
    backbone = network_settings(cfg).get('backbone') or {}
    if isinstance(backbone.get('pretrained'), str):  # as it was spelled once
        return dict(type='Pretrained', checkpoint=backbone['pretrained'])
    settings = backbone.get('init_cfg') or []
    inits = [settings] if isinstance(settings, dict) else settings
    return next(filter(is_pretrained, inits), None)


def find_pretrained(cfg: Config | dict) -> str | None:
    """The checkpoint that a detector's backbone starts from.

    Args:
        cfg: A detection config.

    Returns:
        str | None: ``checkpoint`` of the backbone's ``init_cfg`` of type
        'Pretrained', a path or a URL; none without one.
    """
    init = pretrained_init(cfg)
    return None if init is None else str(init['checkpoint'])


def backbone_starts_from_weights(cfg: Config | dict) -> bool:
    """Whether a config names weights for the backbone, of whatever kind.

    In ``init_cfg`` or ``pretrained`` of the model as a whole, or anywhere in
    the backbone's own config.

    Args:
        cfg: of a classifier or a detector.
    """
    network = network_settings(cfg)
    whole = [
        {key: model.get(key) for key in ('init_cfg', 'pretrained')}
        for model in (cfg.get('model') or {}, network)
    ]
    return names_weights([*whole, network.get('backbone')])


def names_weights(part: object) -> bool:
    """Whether a part of a config names weights, at any depth.

    An ``init_cfg`` of type 'Pretrained', or what other classes call
    ``pretrained``, a path or True.

    Args:
        part: a dict or a list; anything else names none.
    """
    if isinstance(part, list | tuple):
        return any(map(names_weights, part))
    if not isinstance(part, dict):
        return False
    return bool(
        type_name(part) == 'Pretrained'
        or part.get('pretrained')
        or part.get('from_pretrained')
        or any(map(names_weights, part.values()))
    )


def is_local(backend_args: dict | None) -> bool:
    """Whether files are read from this machine's own disks.

    Args:
        backend_args: of a loader or a data set, as MMEngine takes them.
    """
    backend = (backend_args or {}).get('backend', 'local')
    return backend in ('local', 'disk', 'LocalBackend', 'HardDiskBackend')
