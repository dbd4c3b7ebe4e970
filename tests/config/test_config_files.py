"""Configs open under every name, and every fault is one line."""

import pytest
from new_process import answers_of_forks

from cds_mm.commands.train import parse_args
from cds_mm.config import load_config, plain_batchnorm
from cds_mm.config.leaf_names import leaf_files
from cds_mm.engine.run_config import run_config
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


def test_config_of_a_host():
    cfg = load_config('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py')
    assert cfg.model.type == 'RetinaNet'


@pytest.mark.parametrize('name', ['cds_r18_cifar100', 'cds_r18_cifar100.py'])
def test_a_leaf_by_its_bare_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = CONFIGS / 'cifar100/cds_r18_cifar100.py'
    assert load_config(name)._cfg_dict == load_config(str(path))._cfg_dict
    by_name = run_config(parse_args([name]))
    assert by_name.work_dir == run_config(parse_args([str(path)])).work_dir
    assert by_name.work_dir == 'work_dirs/cds_r18_cifar100'
    assert by_name.filename == str(path), 'what a run dumps'
    # A folder of this name is none, a file of it wins.
    (tmp_path / 'cds_r18_cifar100').mkdir()
    assert load_config(name).filename == str(path)
    (tmp_path / 'cds_r18_cifar100.py').write_text('mine = 1')
    assert load_config(name).mine == 1


def test_bare_names_are_unique():
    there = [p for p in CONFIGS.rglob('*.py') if '_base_' not in p.parts]
    assert len(there) == len(leaf_files()) > 250


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('cds_r18_cifar_100', 'configs/cifar100/cds_r18_cifar100.py'),
        ('cds_r18_cifra100.py', 'configs/cifar100/cds_r18_cifar100.py'),
        (
            'configs/cds_r18_cifar100.py',
            'configs/cifar100/cds_r18_cifar100.py',
        ),
    ],
)
def test_a_name_that_is_not_there(name, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        load_config(name)
    said = str(caught.value)
    assert said.startswith(f'config {name}: no such file; did you mean ')
    assert said.index(meant) == said.index('configs/', len(name) + 8)
    assert '\n' not in said
    with pytest.raises(UserError, match='no such file; configs of this'):
        load_config('my_network')


def test_faults_are_one_line(tmp_path):
    broken = tmp_path / 'broken.py'
    broken.write_text('raise ValueError("first\\nsecond")')
    for name, reason in {
        str(broken): 'cannot be read.*ValueError: first second',
        str(tmp_path): 'no such file',
        'mmdet::retinanet/nope.py': 'mmdet has no such file',
        'nope::a.py': 'nope is not installed',
    }.items():
        with pytest.raises(UserError, match=reason) as caught:
            load_config(name)
        assert '\n' not in str(caught.value), name


@pytest.mark.parametrize('length', [1, 90])
def test_the_advice_of_mmengine_is_whole(length, tmp_path):
    (tmp_path / 'base.py').write_text("a = 'tiny'")
    child = tmp_path / 'child.py'
    child.write_text(f"_base_ = 'base.py'\na = dict(b={[10] * length})")
    with pytest.raises(UserError) as caught:
        load_config(str(child))
    said = str(caught.value)
    assert 'You may set `_delete_=True`' in said
    assert said.count('10') <= 61
    child.write_text("_base_ = 'base.py'\na = dict(_delete_=True, b=1)")
    assert load_config(str(child)).a == dict(b=1)


OLD = ["'cds_mm'", "['cds_mm']", "['json', 'cds_mm']"]


@pytest.fixture(scope='module')
def registered(tmp_path_factory):
    """What a process says of each old config, which it reads first."""
    folder = tmp_path_factory.mktemp('old')
    statements = {}
    for number, imports in enumerate(OLD):
        old = folder / f'{number}.py'
        old.write_text(f'custom_imports = dict(imports={imports})')
        statements[imports] = (
            'from cds_mm.config import load_config\n'
            f'cfg = load_config({str(old)!r})\n'
            'from mmengine.registry import HOOKS\n'
            "assert HOOKS.get('SampleSeedHook')\n"
            'print(cfg.custom_imports.imports)'
        )
    found = answers_of_forks([*statements.values()])
    return {imports: found[code] for imports, code in statements.items()}


@pytest.mark.parametrize('imports', OLD)
def test_an_earlier_config_registers_everything(imports, registered):
    """Then ``import cds_mm`` did; any tool may read such a config first."""
    answer = registered[imports]
    assert not answer['error']
    assert answer['said'].splitlines()[-1] == imports_now(imports)


def imports_now(imports):
    names = imports.strip('[]').replace("'cds_mm'", "'cds_mm.registration'")
    return f'[{names}]'


def test_plain_batchnorm_at_any_depth():
    model = {
        'backbone': {'norm_cfg': {'type': 'SyncBN', 'eps': 0.1}},
        'necks': [{'norm_cfg': {'type': 'MMSyncBN'}}, {'type': 'GN'}],
    }
    model['head'] = {'type': 'NonLinearNeck', 'norm_cfg': {'type': 'SyncBN'}}
    plain_batchnorm(model)
    assert model == {
        'backbone': {'norm_cfg': {'type': 'BN', 'eps': 0.1}},
        'necks': [{'norm_cfg': {'type': 'BN'}}, {'type': 'GN'}],
        'head': {'type': 'NonLinearNeck', 'norm_cfg': {'type': 'BN1d'}},
    }
