"""Configs open under every name, and every fault is one line."""

import pytest
from new_process import answers_of_forks

from cds_mm.config import load_config, plain_batchnorm
from cds_mm.errors import UserError


def test_config_of_a_host():
    cfg = load_config('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py')
    assert cfg.model.type == 'RetinaNet'


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
