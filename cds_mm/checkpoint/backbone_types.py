"""Which classes a record may name, and by what name.

A record comes from a file.  It names a class that is registered already; it
never names an import.  Registered are also detectors, losses and data sets,
so that only the modules of backbones count.
"""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import nn

from cds_mm.checkpoint.record import function_of
from cds_mm.config.files import modules_of_configs
from cds_mm.environment import HOSTS

MMPRETRAIN, MMDET = 'mmpretrain', 'mmdet'
_PLACES = (
    'mmpretrain.models.backbones',
    'mmdet.models.backbones',
    'cds_mm.backbones',
)
# Their modules are those above, whatever a config imports.
_HOSTS = (*HOSTS, 'cds_mm')


class BackboneType(NamedTuple):
    """A registered class of backbones.

    Attributes:
        name: under which it is registered.
        scope: of the registry; 'mmpretrain', 'mmdet', or another package's.
        kind: the class.
    """

    name: str
    scope: str
    kind: type[nn.Module]


def backbone_type(name: object) -> BackboneType | None:
    """The backbone that a record names; none if it names no such class.

    Nothing is imported for a name but the hosts.

    Args:
        name: with or without a scope, which is MMPretrain's by default.
    """
    scope, _, bare = str(name).rpartition('.')
    scope = scope or MMPRETRAIN
    found = _registered(scope, bare)
    if isinstance(found, type) and _is_backbone(found):
        return BackboneType(bare, scope, found)
    return None


def full_name(name: object) -> str:
    """A type with its scope, as a detector's config has to name it."""
    text = str(name)
    return text if '.' in text else f'{MMPRETRAIN}.{text}'


def arguments_of(backbone: Mapping) -> dict[str, Any]:
    """All arguments of a recorded backbone, defaults included.

    Args:
        backbone: ``type`` and arguments; those alone that are given where
            the type is none of a backbone.
    """
    given = function_of(dict(backbone))
    found = backbone_type(given['type'])
    return {**(defaults_of(found.kind) if found else {}), **given}


def defaults_of(kind: type) -> dict[str, Any]:
    """The arguments of a class that have a default, with it."""
    defaults: dict[str, Any] = {}
    # Most subclasses pass what they do not name on to the next class.
    for one in reversed(kind.__mro__[:-1]):
        init = vars(one).get('__init__')
        parameters = inspect.signature(init).parameters if init else {}
        defaults |= {
            name: parameter.default
            for name, parameter in parameters.items()
            if parameter.default is not parameter.empty
        }
    return defaults


def outputs_of(backbone: Mapping) -> list[int] | None:
    """The ``out_indices`` of a backbone, also where its class decides.

    Args:
        backbone: ``type`` and arguments.

    Returns:
        list[int] | None: None where it has no such argument.
    """
    given = arguments_of(backbone).get('out_indices')
    if isinstance(given, int):
        return [given]
    return list(given) if isinstance(given, list | tuple) else None


def _registered(scope: str, name: str) -> object:
    from cds_mm import ops

    ops.install()
    import mmpretrain.models  # noqa: F401
    from mmengine.registry import MODELS

    if scope == MMDET:
        import mmdet.models  # noqa: F401
    registry = MODELS.children.get(scope)
    # Not `get`, which imports what it does not find.
    if registry is None:
        return None
    return registry.module_dict.get(name) or MODELS.module_dict.get(name)


def _is_backbone(found: type) -> bool:
    from mmengine.model import BaseModel
    from mmpretrain.models.backbones.base_backbone import BaseBackbone

    if not issubclass(found, nn.Module) or issubclass(found, BaseModel):
        return False
    if issubclass(found, BaseBackbone) or _is_in(found, _PLACES):
        return True
    return not _is_in(found, _HOSTS) and _is_in(found, modules_of_configs())


def _is_in(found: type, modules: tuple[str, ...]) -> bool:
    place = found.__module__
    return any(f'{place}.'.startswith(f'{module}.') for module in modules)
