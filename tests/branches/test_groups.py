"""Branches for every stage: what they are, and how one of them differs."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm.branches.groups import expand_branches
from cds_mm.config import load_config
from cds_mm.config.option_values import option_value
from cds_mm.config.options import apply_options
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, fresh_seed, samples

STAGES = ['stage1', 'stage2', 'stage3', 'stage4']
TOWER = dict(type='Branch', tower=dict(type='SepConvTower'))
CLASSES = dict(TOWER, head=dict(type='ClassHead'))
NARROW = {'model.backbone.base_channels': 8}
MLP = dict(
    type='Branch',
    tower=dict(type='IdentityTower'),
    head=dict(type='ProjectionHead', hidden='same', out_channels=128),
)


def build(config, seed=0):
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


@pytest.mark.parametrize(
    ('leaf', 'written_out'),
    [
        ('cifar100/cds_r18_cifar100.py', dict.fromkeys(STAGES, TOWER)),
        ('cifar100/dsn_r18_cifar100_sepconv.py',
         dict.fromkeys(STAGES[:3], CLASSES)),
        ('representation/supcon_r18_cifar100_1000e.py', dict(stage4=MLP)),
    ],
)  # fmt: skip
def test_the_weights_are_those_of_branches_written_out(leaf, written_out):
    seed = fresh_seed()
    config = load_config(str(CONFIGS / leaf), NARROW).model
    if config.head:
        config.head.in_channels = 64
    model = build(config, seed)
    explicit = build(dict(config, branches=written_out), seed)
    ours, theirs = model.state_dict(), explicit.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert str(model) == str(explicit)


def branches_with(*options, base=None):
    cfg = Config(dict(model=dict(branches=base or dict(every_stage=CLASSES))))
    pairs = (option.split('=', 1) for option in options)
    apply_options(cfg, {key: option_value(value) for key, value in pairs})
    # What is dumped and read again says the same.
    again = Config.fromstring(cfg.pretty_text, '.py')
    return own_settings(again.model.branches)


def own_settings(branches):
    found = expand_branches(branches, STAGES)
    taps = {name: config.pop('tap') for name, config in found.items()}
    assert taps == {name: name for name in found}
    return found


def test_one_stage_has_settings_of_its_own(tmp_path):
    identity = dict(TOWER, tower=dict(type='IdentityTower'))
    key = 'model.branches.stage2'
    (tmp_path / 'base.py').write_text(
        f'model = dict(branches=dict(every_stage={CLASSES}))'
    )

    def child(settings):
        path = tmp_path / 'child.py'
        path.write_text(
            "_base_ = './base.py'\n"
            f'model = dict(branches=dict(stage2={settings}))'
        )
        return own_settings(load_config(str(path)).model.branches)

    merged = dict(CLASSES, tower=dict(type='IdentityTower'))
    for found in (
        branches_with(f'{key}.tower.type=IdentityTower'),
        child("dict(tower=dict(type='IdentityTower'))"),
    ):
        assert list(found) == STAGES
        assert found == dict(dict.fromkeys(STAGES, CLASSES), stage2=merged)
    for found in (
        branches_with(
            f'{key}.type=Branch',
            f'{key}._delete_=True',
            f'{key}.tower.type=IdentityTower',
        ),
        branches_with(f'{key}={dict(identity, _delete_=True)}'),
        child(dict(identity, _delete_=True)),
    ):
        assert list(found) == STAGES
        assert found == dict(dict.fromkeys(STAGES, CLASSES), stage2=identity)
    for found in (branches_with(f'{key}=None'), child('None')):
        assert list(found) == ['stage1', 'stage3', 'stage4']


def test_a_part_of_a_branch_is_replaced():
    base = dict(every_stage=dict(TOWER, tower=dict(type='X', blocks=(1,))))
    key = 'model.branches.stage4.tower'
    for given in (
        [f'{key}._delete_=True', f'{key}.type=IdentityTower'],
        [f"{key}=dict(_delete_=True, type='IdentityTower')"],
    ):
        found = branches_with(*given, base=base)
        assert found['stage4']['tower'] == dict(type='IdentityTower')
        assert found['stage3'] == base['every_stage']


@pytest.mark.parametrize('tap', ['stage1', 'last_stage'])
def test_branches_of_a_group_tap_their_own_stage(tap):
    with pytest.raises(UserError, match=f'every_stage.tap={tap}.*leave tap'):
        expand_branches(dict(every_stage=dict(TOWER, tap=tap)), STAGES)


def test_branches_that_no_group_covers():
    peer = dict(TOWER, tap='stage3')
    last = dict(TOWER, tap='last_stage')
    found = expand_branches(dict(peer=peer, other=last), STAGES)
    assert found == dict(peer=peer, other=dict(TOWER, tap='stage4'))
    found = branches_with(
        'model.branches._delete_=True',
        f'model.branches.last_stage={MLP}',
        f'model.branches.stage9={TOWER}',
    )
    assert found == dict(stage4=MLP, stage9=TOWER)
    found = own_settings(
        dict(stage2=None, every_stage=TOWER, every_stage_but_last=CLASSES)
    )
    assert list(found) == ['stage1', 'stage3', 'stage4']
    assert found['stage3'] == CLASSES and found['stage4'] == TOWER
    assert own_settings(dict(every_stage=None, stage1=TOWER)) == {
        'stage1': TOWER
    }


def model_on(backbone, width, leaf='cds_r18_folder.py', **changes):
    config = load_config(str(CONFIGS / leaf)).model
    backbone = dict(backbone, _delete_=True)
    cfg = Config(dict(model=config))
    cfg.merge_from_dict(
        dict(
            model=dict(
                backbone=backbone,
                head=dict(in_channels=width, num_classes=10),
                **changes,
            )
        )
    )
    return MODELS.build(cfg.model)


MOBILENET = dict(type='MobileNetV2', out_indices=(1, 2, 4, 6))


@pytest.mark.parametrize(
    ('leaf', 'stages'),
    [
        ('cds_r18_folder.py', [2, 3, 5, 7]),
        ('dsn_r50_in1k_sepconv.py', [2, 3, 5]),
        ('kd/sskd-teacher_r18_cifar10_folder_60e.py', [7]),
    ],
)
def test_branches_follow_the_backbone(leaf, stages):
    model = model_on(MOBILENET, 320, leaf)
    assert [branch.tap for branch in model.branches.values()] == [
        f'stage{number}' for number in stages
    ]
    views = max(getattr(s, 'num_views', None) or 1
                for s in model.supervisions.values())  # fmt: skip
    log = model.loss(torch.randn(views * 4, 3, 64, 64), samples([0, 0, 1, 1]))
    total, _ = model.parse_losses(log)
    total.backward()
    assert all(p.grad is not None for p in model.branches.parameters())


def test_every_stage_of_a_backbone_that_gives_one():
    one = dict(type='MobileNetV2', out_indices=(6,))
    with pytest.raises(UserError) as error:
        model_on(one, 320)
    assert str(error.value) == (
        'model.branches.every_stage: the backbone gives stage7 alone, which '
        "leaves no earlier stage to supervise; widen the backbone's "
        'out_indices'
    )
    # A supervision that names the last stage means it.
    chosen = dict(cds=dict(branches=('stage7',)))
    assert [*model_on(one, 320, supervisions=chosen).branches] == ['stage7']
    timm = dict(type='TIMMBackbone', model_name='tf_mobilenetv3_small_100')
    with pytest.raises(UserError, match=r'model\.backbone\.features_only=Tr'):
        model_on(timm, 576)
    named = dict(cds=dict(branches=('stage1', 'stage3')))
    branches = dict(stage3=TOWER)
    with pytest.raises(UserError, match='stage3.*features_only=True') as error:
        model_on(timm, 576, supervisions=named, branches=branches)
    assert 'out_indices' not in str(error.value)
    timm['features_only'] = True
    model = model_on(timm, 576)
    assert [*model.branches] == [f'stage{i}' for i in range(1, 6)]


def test_residual_branches_on_a_backbone_of_another_kind():
    """What the message says to set is set, and then it trains."""
    leaf = str(CONFIGS / 'dks_r18_in1k.py')
    given = [
        f'model.backbone={dict(MOBILENET, _delete_=True)}',
        'model.head.in_channels=320',
        'model.branches.stage3.tap=stage5',
    ]

    def built(*more):
        pairs = (option.split('=', 1) for option in (*given, *more))
        options = {key: option_value(value) for key, value in pairs}
        return MODELS.build(load_config(leaf, options).model)

    with pytest.raises(UserError) as error:
        built()
    tower = str(error.value).partition('set tower=')[2].partition(' in each')
    settings = [
        f'model.branches.{name}.tower={tower[0]}'
        for name in ('stage2', 'stage3')
    ]
    model = built(*settings)
    assert [b.tap for b in model.branches.values()] == ['stage2', 'stage5']
    log = model.loss(torch.randn(4, 3, 64, 64), samples([0, 0, 1, 1]))
    assert 'loss_dks.stage2-stage3' in log
