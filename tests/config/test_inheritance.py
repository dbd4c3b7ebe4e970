"""``_base_ = 'cds_mm::NAME.py'``, in files and in MMEngine's hub."""

import pytest
from mmengine.config import Config
from mmengine.hub import get_config

from cds_mm.config import inheritance, load_config
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS


@pytest.mark.parametrize(
    'name',
    [
        'cds_mm::cifar100/cds_r18_cifar100.py',
        'cds_mm::cds_r18_cifar100.py',
        'cds_mm::cds_r18_cifar100',
    ],
)
def test_it_is_the_file_itself(name, tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text(
        f"_base_ = '{name}'\n"
        'train_cfg = dict(max_epochs=_base_.train_cfg.max_epochs + 1)'
    )
    path = CONFIGS / 'cifar100/cds_r18_cifar100.py'
    by_path = tmp_path / 'by_path.py'
    by_path.write_text(mine.read_text().replace(name, str(path)))
    cfg = load_config(str(mine))
    # No scope is added, in which nothing would be found.
    assert cfg._cfg_dict == load_config(str(by_path))._cfg_dict
    assert cfg.train_cfg.max_epochs == 301
    assert load_config(name)._cfg_dict == load_config(str(path))._cfg_dict
    # So it does where MMEngine reads it, once this package is there.
    assert Config.fromfile(mine)._cfg_dict == cfg._cfg_dict


def test_several_and_those_of_hosts(tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text(
        "_base_ = ['cds_mm::_base_/models/r18.py', "
        "'mmdet::_base_/schedules/schedule_1x.py']"
    )
    cfg = load_config(str(mine))
    assert cfg.model.backbone.depth == 18
    assert cfg.train_cfg.max_epochs == 12


@pytest.mark.parametrize(
    ('base', 'said'),
    [
        ('cds_mm::cds_r18_cifra100.py', 'did you mean .*cds_r18_cifar100.py'),
        ('cds_mm::nothing/like/it.py', 'listed by `cds-mm config-path`'),
        ('cds_mm::../setup.py', 'no such file'),
        (f'cds_mm::{__file__}', 'no such file'),
    ],
)
def test_a_name_that_is_not_there_is_one_line(base, said, tmp_path):
    mine = tmp_path / 'mine.py'
    mine.write_text(f"_base_ = '{base}'")
    with pytest.raises(UserError, match=f'mine.py: _base_: .*{said}'):
        load_config(str(mine))
    with pytest.raises(UserError, match=said) as caught:
        load_config(base)
    assert '\n' not in str(caught.value)


def test_the_hub_of_a_checkout_names_the_way(monkeypatch):
    inheritance.register_hub()
    with pytest.raises(UserError, match='cds_mm.config.load_config'):
        get_config('cds_mm::cds_r18_folder.py')
    assert get_config('mmdet::retinanet/retinanet_r18_fpn_1x_coco.py').model
