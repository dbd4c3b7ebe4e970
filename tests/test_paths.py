"""Where configs and tools are looked for."""

import pytest

from cds_mm import paths
from cds_mm.paths import in_project, project_of


@pytest.fixture
def site_packages(tmp_path):
    """A package from a wheel, and what another one has put beside it."""
    for folder in ('cds_mm/.mim/configs', 'configs/_base_', 'tools'):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_the_folders_of_another_package_are_none_of_ours(site_packages):
    package = site_packages / 'cds_mm'
    assert project_of(package) == package / '.mim'
    # Not even where ours are missing.
    (package / '.mim/configs').rmdir()
    (package / '.mim').rmdir()
    assert project_of(package) == package / '.mim'


@pytest.mark.parametrize('file', ['setup.py', 'pyproject.toml'])
def test_a_checkout_has_them_beside_the_package(file, tmp_path):
    (tmp_path / 'cds_mm').mkdir()
    (tmp_path / file).touch()
    assert project_of(tmp_path / 'cds_mm') == tmp_path


def test_names_that_a_user_can_type(site_packages, monkeypatch):
    configs = paths.CONFIGS
    assert in_project(configs / 'kd/x.py') == 'configs/kd/x.py'
    packed = site_packages / 'cds_mm/.mim'
    monkeypatch.setattr(paths, 'PROJECT', packed)
    monkeypatch.setattr(paths, 'CONFIGS', packed / 'configs')
    monkeypatch.setattr(paths, 'PACKED', True)
    assert in_project(packed / 'configs/kd/x.py') == 'cds_mm::kd/x.py'
    assert in_project('mine.py') == 'mine.py'
