"""A file in an ``init_cfg`` has the tensors of its part, or nothing starts."""

import re

import mmdet.models  # noqa: F401
import mmpretrain.models  # noqa: F401
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel, BaseModule, ModuleList, Sequential
from mmengine.registry import MODELS
from refusals import refusal
from torch import nn

from cds_mm.checkpoint.sketches import sketches
from cds_mm.config import apply_options, option_value
from cds_mm.hooks.arrived_parts import check_arrived, check_prefixes
from cds_mm.hooks.loaded_parts import starts_of
from cds_mm.run_warnings import forget_warnings, warnings_so_far
from cds_mm.testing import fresh_seed

BACKBONE = dict(
    type='mmdet.ResNet',
    depth=18,
    base_channels=8,
    stem_channels=8,
    norm_cfg=dict(type='BN'),
)


class Head(BaseModule):
    """A tower, and a layer as wide as there are classes."""

    def __init__(self, classes=3, init_cfg=None):
        super().__init__(init_cfg)
        self.tower = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3))
        self.classify = nn.Conv2d(4, classes, 1)


class Whole(BaseModel):
    """Backbone, neck and two heads in a list."""

    def __init__(self, backbone=None, neck=None, head=None, **more):
        super().__init__(init_cfg=more.get('init_cfg'))
        self.backbone = MODELS.build({**BACKBONE, **(backbone or {})})
        self.neck = Sequential(nn.Conv2d(64, 4, 1), **(neck or {}))
        self.heads = ModuleList([Head(**(head or {})) for _ in range(2)])

    def forward(self, inputs):
        raise NotImplementedError


class StartsAgain(Whole):
    """As detectors of the DETR family do it."""

    def init_weights(self):
        super().init_weights()
        for head in self.heads:
            for weight in head.parameters():
                nn.init.normal_(weight)


@pytest.fixture(autouse=True)
def nothing_said():
    torch.manual_seed(fresh_seed())
    forget_warnings()
    yield
    forget_warnings()


@pytest.fixture
def start(tmp_path):
    """Initialises a model and compares it with a file."""
    path = tmp_path / 'given.pth'

    def run(state, model, load_from=None, kind=Whole):
        torch.save(state, path)
        network = kind(**model)
        starts, given = starts_of(network), sketches(state)
        cfg = Config(dict(model=model))
        check_prefixes(network, starts, given, cfg)  # while MMEngine reads
        network.init_weights()
        files, later = {str(path): given}, sketches(load_from or {})
        check_arrived(network, starts, files, later, cfg)
        return network

    run.init = dict(type='Pretrained', checkpoint=str(path))
    return run


def under(prefix, state):
    return {f'{prefix}{key}': value for key, value in state.items()}


def pasted(model, said):
    """The model with the options that a message gives."""
    cfg = Config(dict(model=model), filename=__file__)
    options = re.findall(r'(model\.[\w.]+)=("dict\(.*?\)"|\S+)', said)
    assert options, said
    apply_options(cfg, {k: option_value(v.strip('"')) for k, v in options})
    return cfg.model


def names(part, **more):
    return dict(Whole(**more).get_submodule(part).state_dict())


PLACES = {
    'the model': lambda init: dict(init_cfg=init),
    'the neck': lambda init: dict(neck=dict(init_cfg=init)),
    'a head': lambda init: dict(head=dict(init_cfg=init)),
}


@pytest.mark.parametrize('place', PLACES)
def test_a_bare_backbone_in_another_place(start, place):
    model = PLACES[place](start.init)
    said = refusal(start, names('backbone'), model)
    assert 'given.pth: model.' in said and 'are not in it' in said
    assert 'model.backbone.init_cfg="dict(' in said
    (key,) = re.findall(r'take (\S+) out', said)
    options = said.partition('out and ')[2]
    state = names('backbone')
    network = start(state, pasted({}, options))  # as advised
    assert torch.equal(network.backbone.conv1.weight, state['conv1.weight'])
    assert key.rpartition('.')[2] == 'init_cfg'


def test_the_prefix_that_is_named_helps(start):
    state = under('detector.', Whole().state_dict())
    for part, model in (
        ('neck', dict(neck=dict(init_cfg=start.init))),
        ('', dict(init_cfg=start.init)),
    ):
        said = refusal(start, state, model)
        inside = f'detector.{part}{"." if part else ""}'
        assert f"prefix='{inside}'" in said
        start(state, pasted(model, said))
    wrong = dict(start.init, prefix='neck.')
    said = refusal(start, names('neck'), dict(neck=dict(init_cfg=wrong)))
    assert 'prefix=None' in said
    start(names('neck'), pasted(dict(neck=dict(init_cfg=wrong)), said))


def test_the_same_files_where_they_belong(start):
    start(names('neck'), dict(neck=dict(init_cfg=start.init)))
    start(names('heads.0'), dict(head=dict(init_cfg=start.init)))
    start(Whole().state_dict(), dict(init_cfg=start.init))
    assert not warnings_so_far()


def test_one_tensor_that_is_lost(start):
    state = names('heads.0')
    del state['tower.1.weight']
    said = refusal(start, state, dict(head=dict(init_cfg=start.init)))
    assert '1 of 6 tensors of model.head are not in it (tower.1.w' in said
    state = Whole().state_dict()
    del state['backbone.layer2.0.conv1.weight']
    said = refusal(start, state, dict(init_cfg=start.init))
    assert 'backbone.layer2.0.conv1.weight' in said


def test_other_classes_are_a_warning(start):
    state = Whole(head=dict(classes=80)).state_dict()
    start(state, dict(init_cfg=start.init))
    (said,) = warnings_so_far()
    assert '4 of ' in said and 'heads.1.classify.weight' in said
    assert '(80, 4, 1, 1) there and (3, 4, 1, 1) in the model' in said
    forget_warnings()
    start(names('heads.0', head=dict(classes=9)), PLACES['a head'](start.init))
    assert 'classify.bias' in warnings_so_far()[0]


def test_a_whole_model_whose_heads_are_new(start):
    state = under('backbone.', names('backbone'))
    start(state, dict(init_cfg=start.init))
    assert 'neck.0.weight' in warnings_so_far()[0]


def test_layers_that_the_backbone_adds(start):
    """Weights of a detector without deformable convolutions."""
    dcn = dict(
        depth=50,
        dcn=dict(type='DCN', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
    model = dict(init_cfg=start.init, backbone=dict(dcn, type='mmdet.ResNet'))
    state = under('backbone.', names('backbone', backbone=dict(depth=50)))

    class Deep(Whole):
        def __init__(self, **more):
            super().__init__(**more)
            self.neck = nn.Identity()

    start(state, model, kind=Deep)
    assert 'conv_offset' in warnings_so_far()[0]
    refusal(start, names('backbone'), model, kind=Deep)


def test_what_load_from_gives_is_not_missed(start):
    whole = Whole().state_dict()
    model = dict(neck=dict(init_cfg=start.init))
    refusal(start, names('backbone'), model)
    start(names('backbone'), model, load_from=whole)
    assert not warnings_so_far()


def test_a_class_that_starts_again(start):
    state = Whole().state_dict()
    said = refusal(start, state, dict(init_cfg=start.init), kind=StartsAgain)
    assert 'StartsAgain initialises 12 of the' in said
    assert 'tensors again that were loaded (heads.0.tower.0.weight' in said
    assert said.endswith(
        f'set model.init_cfg=None load_from={start.init["checkpoint"]}'
    )
    start(state, {}, load_from=state, kind=StartsAgain)  # as advised


def test_a_class_that_renames_is_judged_by_what_arrives(start):
    class Renames(BaseModule):
        def __init__(self, init_cfg=None):
            super().__init__(init_cfg)
            self.new = nn.Conv2d(4, 4, 3)
            self._register_load_state_dict_pre_hook(self.rename)

        def rename(self, state, prefix, *args):
            for key in [*state]:
                state[key.replace('old.', 'new.')] = state.pop(key)

    class Model(Whole):
        def __init__(self, neck=None, **more):
            super().__init__(**more)
            self.neck = Renames(**(neck or {}))

    model = dict(neck=dict(init_cfg=start.init))
    start(under('old.', nn.Conv2d(4, 4, 3).state_dict()), model, kind=Model)
    assert not warnings_so_far()
    other = under('a.', nn.Conv2d(4, 4, 1).state_dict())
    said = refusal(start, other, model, kind=Model)
    assert 'none of its tensors is in model.neck' in said


def test_a_file_that_nothing_reads(start):
    class Around(nn.Module):
        def __init__(self, init):
            super().__init__()
            self.part = Head(init_cfg=init)

    class Model(Whole):
        def __init__(self, init=None):
            super().__init__()
            self.around = Around(init)

    network = Model(start.init)
    network.init_weights()
    path = start.init['checkpoint']
    starts = starts_of(network)
    check_arrived(network, starts, {path: None}, {}, Config({}))
    (said,) = warnings_so_far()
    assert 'model.around.part.init_cfg names it, but nothing has' in said


def test_a_second_backbone_that_adds_layers(start):
    """As that of a teacher, or of a recursive pyramid."""

    class Teacher(BaseModule):
        def __init__(self, backbone):
            super().__init__()
            self.backbone = MODELS.build({**BACKBONE, **backbone})

    class Model(Whole):
        def __init__(self, teacher):
            super().__init__()
            self.teacher = Teacher(**teacher)

    added = dict(
        depth=50,
        dcn=dict(type='DCN', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
    state = names('backbone', backbone=dict(depth=50))
    for more in (added, dict(depth=50)):
        backbone = dict(more, init_cfg=start.init)
        start(state, dict(teacher=dict(backbone=backbone)), kind=Model)
        assert not warnings_so_far()
    del state['layer1.0.conv1.weight']
    said = refusal(
        start, state, dict(teacher=dict(backbone=backbone)), kind=Model
    )
    assert 'model.teacher.backbone.init_cfg starts from it, but 1 of' in said
