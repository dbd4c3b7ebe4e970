"""Errors of the installed packages are not blamed on a config."""

import importlib
import sys

import pytest

from cds_mm import environment
from cds_mm.config import load_config
from cds_mm.environment import environment_fault
from cds_mm.errors import UserError
from cds_mm.outcome import user_message

UNFIT = (
    'MMCV==2.2.0 is used but incompatible. '
    'Please install mmcv>=2.0.0rc4, <2.2.0.'
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """``module(name, text)`` can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, text):
        (tmp_path / f'{name}.py').write_text(text)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@pytest.fixture
def host(monkeypatch):
    """``host(text)`` runs text as the code of MMEngine."""

    def run(text):
        exec(compile(text, 'host', 'exec'), {'__name__': 'mmengine.utils.x'})

    return run


def raised(function, *args):
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError('nothing was raised')


@pytest.mark.parametrize(
    ('missing', 'fix'),
    [
        ('pkg_resources.extern', "pip install 'setuptools<82'"),
        ('absent_package', 'pip install absent_package'),
        ('yaml_absent.loader', 'pip install yaml_absent'),
    ],
)
def test_a_package_that_a_host_needs(host, monkeypatch, missing, fix):
    name = missing.partition('.')[0]
    monkeypatch.setitem(sys.modules, name, None)
    error = raised(host, f'def ask():\n    import {missing}\nask()')
    line = f'mmengine needs {name}, which is not installed; {fix}'
    assert environment_fault(error) == line
    assert user_message(error) == line


def test_a_wrapped_error_is_the_same_fault(host):
    error = raised(
        host,
        'def inner():\n    import absent_package\n'
        'def outer():\n'
        '    try:\n        inner()\n'
        '    except ImportError as error:\n'
        '        raise ImportError("no") from error\n'
        'outer()',
    )
    assert 'needs absent_package' in environment_fault(error)


def test_a_package_that_a_host_can_do_without(host):
    """It says itself what to do."""
    error = raised(
        host,
        'def outer():\n'
        '    try:\n        import absent_package\n'
        '    except ImportError:\n        raise ImportError("install it")\n'
        'outer()',
    )
    assert environment_fault(error) is None


def test_a_module_that_a_config_names_is_the_fault_of_the_config(
    tmp_path, module
):
    config = tmp_path / 'one.py'
    for text in (
        "custom_imports = dict(imports='absent_package')",
        f"custom_imports = dict(imports='{module('own', 'import absent')}')",
    ):
        config.write_text(text)
        with pytest.raises(UserError, match='correct that line'):
            load_config(str(config))


def test_a_config_is_not_blamed_for_the_environment(
    tmp_path, monkeypatch, host
):
    def read(*_, **__):
        host('def ask():\n    import pkg_resources\nask()')

    monkeypatch.setitem(sys.modules, 'pkg_resources', None)
    monkeypatch.setattr('mmengine.config.Config.fromfile', read)
    config = tmp_path / 'one.py'
    config.write_text('')
    with pytest.raises(UserError) as error:
        load_config(str(config))
    assert 'mmengine needs pkg_resources' in str(error.value)
    assert str(error.value).endswith("pip install 'setuptools<82'")
    assert 'correct' not in str(error.value)


def test_a_host_that_refuses_the_version_of_another(monkeypatch):
    monkeypatch.setattr(environment, 'installed_as', lambda name: 'mmcv-lite')
    line = environment.unfit_version(UNFIT, lambda name: f'{name}-lite')
    assert line == (
        'mmcv-lite 2.2.0: the installed OpenMMLab packages need '
        "MMCV>=2.0.0rc4,<2.2.0; pip install 'mmcv-lite>=2.0.0rc4,<2.2.0'"
    )
    error = AssertionError(UNFIT)
    assert '2.2.0' in environment_fault(error) == user_message(error)
    assert environment_fault(AssertionError('MMCV is used')) is None
