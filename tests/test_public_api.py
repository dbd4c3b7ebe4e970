"""What other programs rely on is documented and typed."""

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import UnionType

import pytest

import cds_mm
import cds_mm.registration  # noqa: F401

# Commands are what other programs rely on there.
WITHOUT = {'cds_mm.analysis', 'cds_mm.commands', 'cds_mm.demo'}
WITHOUT |= {'cds_mm.engine'}
PACKAGES = {
    f'cds_mm.{module.name}'
    for module in pkgutil.iter_modules(cds_mm.__path__)
    if module.ispkg
}
MODULES = {'cds_mm.errors', 'cds_mm.stage_outputs', 'cds_mm.utils'}
WINGS = sorted({'cds_mm'} | PACKAGES - WITHOUT | MODULES)
# Types of constants and aliases, which can have no docstring.
CONSTANTS = (str, int, tuple, list, dict, UnionType)


def public(wing):
    """The public names of a wing with what they stand for."""
    module = import_module(wing)
    return {name: getattr(module, name) for name in module.__all__}


def own_methods(cls):
    """The public methods of a class that this package defines.

    Among them how it is made and how it is called.
    """
    for base in cls.__mro__:
        if not base.__module__.startswith('cds_mm.'):
            continue
        for name, member in vars(base).items():
            if isinstance(member, (classmethod, staticmethod)):
                member = member.__func__
            if isinstance(member, property):
                member = member.fget
            shown = not name.startswith('_') or name == '__call__'
            if inspect.isfunction(member) and (shown or name == '__init__'):
                yield member


def untyped(function):
    """Parameters, and the return, that have no annotation."""
    signature = inspect.signature(function)
    # `*args` and `**kwargs` go to a host, whose annotations count.
    names = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty
        and parameter.name not in ('self', 'cls')
        and parameter.kind
        not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    returns = signature.return_annotation is not signature.empty
    if not returns and function.__name__ != '__init__':
        names.append('return')
    return [f'{function.__qualname__}: {name}' for name in names]


def faults(name, thing):
    """What a public name lacks."""
    if isinstance(thing, CONSTANTS):
        return []
    doc, found = thing.__doc__, []
    # Without one, a data class gets its signature.
    if not doc or doc.startswith(f'{name}('):
        found.append(f'{name}: no docstring')
    if not inspect.isclass(thing):
        return found + untyped(thing)
    for method in own_methods(thing):
        found += untyped(method)
        special = method.__name__.startswith('__')
        if not (special or method.__doc__):
            found.append(f'{method.__qualname__}: no docstring')
    return found


@pytest.mark.parametrize('wing', WINGS)
def test_public_names_are_documented_and_typed(wing):
    assert not [
        fault
        for name, thing in public(wing).items()
        for fault in faults(name, thing)
    ]


def test_faults_are_found():
    class Bare:
        def __init__(self, width):
            """Build."""

    Bare.__module__ = 'cds_mm.bare'

    def undocumented(x: int):
        return x

    assert faults('Bare', Bare) == [
        'Bare: no docstring',
        'test_faults_are_found.<locals>.Bare.__init__: width',
    ]
    assert faults('undocumented', undocumented) == [
        'undocumented: no docstring',
        'test_faults_are_found.<locals>.undocumented: return',
    ]


@pytest.mark.parametrize('wing', sorted(WITHOUT))
def test_wings_without_an_api_name_nothing(wing):
    assert not hasattr(import_module(wing), '__all__')


def test_type_checkers_are_told():
    assert (Path(cds_mm.__file__).parent / 'py.typed').is_file()
