"""What was loaded, from whatever file, is what the first step begins from."""

import copy
import itertools

import mmdet.models  # noqa: F401
import mmpretrain.models  # noqa: F401
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, Dataset

from cds_mm.errors import UserError
from cds_mm.hooks import loaded_weights
from cds_mm.hooks.first_step import BeforeStep
from cds_mm.run_warnings import forget_warnings, warnings_so_far
from cds_mm.testing import fresh_seed

BACKBONE = dict(
    type='mmdet.ResNet',
    depth=18,
    base_channels=8,
    stem_channels=8,
    norm_cfg=dict(type='SyncBN'),
)
_NUMBERS = itertools.count()


class Images(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.full((3, 32, 32), float(index))


class Model(BaseModel):
    """A backbone, a neck and a head, as a detector has them."""

    def __init__(self, init=None, neck=None, whole=None, late=None):
        super().__init__(init_cfg=whole)
        config = dict(BACKBONE, norm_cfg=dict(type='BN'), init_cfg=init)
        self.backbone = MODELS.build(config)
        self.neck = Neck(neck)
        self.head = nn.Linear(4, 1)
        self.late = late

    def forward(self, inputs, mode='tensor'):
        if self.late and self.training:
            self.late(self)
            self.late = None
        features = self.backbone(inputs)[-1]
        return dict(loss=self.head(self.neck(features)).pow(2).mean())


class Neck(BaseModule):
    def __init__(self, init=None):
        super().__init__(init_cfg=init)
        self.lateral = nn.Conv2d(64, 4, 1)

    def forward(self, map_):
        return self.lateral(map_).mean(dim=(2, 3))


def collate(images):
    return dict(inputs=torch.stack(images))


class At(Hook):
    """Does something to the model at one of the hooks' moments."""

    def __init__(self, moment, action, priority='NORMAL'):
        self.priority, self.action, self.done = priority, action, False
        setattr(self, moment, self.act)

    def act(self, runner, *args, **kwargs):
        if not self.done:
            self.action(runner.model)
            self.done = True


@pytest.fixture
def train(tmp_path):
    """Train two steps of a model, with or without files."""
    import cds_mm.registration  # noqa: F401

    torch.manual_seed(fresh_seed())
    forget_warnings()

    def run(
        *hooks,
        load_from=None,
        resume=False,
        epochs=1,
        lr=1e-2,
        accumulative_counts=1,
        **model,
    ):
        with DefaultScope.overwrite_default_scope('mmengine'):
            network = Model(**model)
        runner = Runner(
            network,
            work_dir=str(tmp_path / 'work'),
            train_dataloader=DataLoader(Images(), 2, collate_fn=collate),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=lr),
                accumulative_counts=accumulative_counts,
            ),
            default_hooks=dict(logger=None),
            custom_hooks=[*hooks, dict(type='LoadedWeightsHook')],
            default_scope='mmengine',
            experiment_name=f'loaded_{next(_NUMBERS)}',
            log_level='WARNING',
            load_from=load_from,
            resume=resume,
        )
        runner.train()
        return runner

    yield run
    forget_warnings()


@pytest.fixture
def file(tmp_path):
    """Writes a state dict; gives the ``init_cfg`` that names it."""

    def write(state, **more):
        path = tmp_path / 'given.pth'
        torch.save(state, path)
        return dict(type='Pretrained', checkpoint=str(path), **more)

    return write


def backbone():
    return MODELS.build(dict(BACKBONE, norm_cfg=dict(type='BN'))).state_dict()


def reset(part):
    def action(model):
        for module in model.get_submodule(part).modules():
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()

    return action


def rebuild(model):
    config = dict(BACKBONE, norm_cfg=dict(type='BN'))
    model.backbone = MODELS.build(config)


LATE = ['before_train', 'before_train_epoch', 'before_train_iter']


@pytest.mark.parametrize('moment', LATE)
@pytest.mark.parametrize('action', [reset('backbone'), rebuild])
def test_a_hook_that_starts_again_is_caught(train, file, moment, action):
    """Of a file without any record."""
    init = file(backbone())
    with pytest.raises(UserError) as caught:
        train(At(moment, action), init=init)
    said = str(caught.value)
    assert 'given.pth: was loaded, but before' in said
    assert 'model.backbone were replaced' in said
    assert 'take out the hook' in said and '\n' not in said
    train(init=init)  # as advised


def test_a_model_that_starts_again_in_its_first_pass(train, file):
    init = file(dict(state_dict=backbone()))
    for late in (rebuild, reset('backbone')):
        with pytest.raises(UserError, match='but in the first iteration'):
            train(init=init, late=late)


def test_a_hook_of_the_same_priority_is_caught(train, file):
    hook = At('before_train_iter', reset('backbone'), 'LOWEST')
    with pytest.raises(UserError, match='the first iteration'):
        train(hook, init=file(backbone()))


@pytest.mark.parametrize('prefix', ['backbone.', 'backbone', 'a.b.'])
def test_under_a_prefix(train, file, prefix):
    start = prefix if prefix.endswith('.') else f'{prefix}.'
    state = {f'{start}{key}': value for key, value in backbone().items()}
    init = file(dict(state_dict=state, meta={}), prefix=prefix)
    train(init=init)
    with pytest.raises(UserError, match=r'model\.backbone were replaced'):
        train(At('before_train', reset('backbone')), init=init)


def test_any_part_with_a_file_of_its_own(train, file):
    init = file(Neck().state_dict())
    train(neck=init)
    with pytest.raises(UserError, match=r'1 of its.*model\.neck.*lateral\.w'):
        train(
            At('before_train', lambda m: m.neck.lateral.weight.data.zero_()),
            neck=init,
        )


def test_a_whole_model_and_load_from(train, file):
    with DefaultScope.overwrite_default_scope('mmengine'):
        state = Model().state_dict()
    init = file(dict(state_dict=state))
    again = At('before_train', reset('backbone'))
    with pytest.raises(UserError, match=r'model\.backbone were replaced'):
        train(again, load_from=init['checkpoint'])
    # A head may start again on purpose.
    for how in (dict(whole=init), dict(load_from=init['checkpoint'])):
        forget_warnings()
        train(At('before_train', reset('head')), **how)
        (said,) = warnings_so_far()
        assert '2 of its tensors in the model were replaced' in said
        assert 'head.' in said and 'if that is not on purpose' in said


def test_a_resumed_run(train):
    train()
    again = At('before_train_iter', reset('backbone'))
    path = train().work_dir + '/epoch_1.pth'
    with pytest.raises(UserError, match='epoch_1.pth: was loaded'):
        train(again, load_from=path, resume=True, epochs=2)
    train(load_from=path, resume=True, epochs=3)
    assert not warnings_so_far()


KINDS = {
    'half': lambda s: {k: v.half() for k, v in s.items()},
    'double': lambda s: {k: v.double() for k, v in s.items()},
    'bfloat16': lambda s: {k: v.bfloat16() for k, v in s.items()},
    'parallel': lambda s: {f'module.{k}': v for k, v in s.items()},
    'part': lambda s: {k: v for k, v in s.items() if 'layer4' not in k},
    'classifier': lambda s: s | {'fc.weight': torch.zeros(4, 4)},
    'channels last': lambda s: {
        k: v.contiguous(memory_format=torch.channels_last)
        if v.dim() == 4
        else v
        for k, v in s.items()
    },
}


@pytest.mark.parametrize('kind', KINDS)
def test_all_kinds_of_files_are_known_again(train, file, kind):
    """And a run from them goes on."""
    init = file(KINDS[kind](backbone()))
    place = At('before_train', to_channels_last)
    runner = train(place, init=init)
    assert runner.iter == 2 and not warnings_so_far()
    with pytest.raises(UserError, match='were replaced'):
        train(At('before_train', reset('backbone')), init=init)


def to_channels_last(model):
    model.to(memory_format=torch.channels_last)


def test_what_may_be_done_on_purpose(train, file):
    init = file(backbone())
    # A part in a shorter type, which rounds.
    shorter = At('before_train', lambda m: m.backbone.conv1.bfloat16())
    with pytest.raises(RuntimeError):  # the images are in float32
        train(shorter, init=init)
    assert not warnings_so_far()

    def statistics(model):
        for part in model.backbone.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.fill_(0.1)

    train(At('before_train', statistics), init=init)
    (said,) = warnings_so_far()
    assert 'running_mean' in said


@pytest.mark.parametrize('lr', [1e2, 1e3, 1e4, 1e5, 1e30])
def test_a_step_that_explodes_is_no_new_start(train, file, lr):
    """Its own line is that the loss is not finite."""
    train(init=file(backbone()), lr=lr)
    assert not warnings_so_far()


def test_where_the_first_iteration_makes_no_step(train, file):
    """With accumulated gradients, a new start is found all the same."""
    init = file(backbone())
    train(init=init, accumulative_counts=2)
    with pytest.raises(UserError, match='but in the first iteration'):
        train(init=init, late=reset('backbone'), accumulative_counts=2)


def test_a_copy_in_its_place_is_caught(train, file):
    """The weights are equal, but the optimizer has those of the original."""

    def copied(model):
        model.backbone = copy.deepcopy(model.backbone)

    init = file(backbone())
    with pytest.raises(UserError, match='model.backbone were replaced'):
        train(At('before_train_iter', copied), init=init)
    with pytest.raises(UserError, match='model.backbone were replaced'):
        train(init=init, late=copied)


def test_others_may_look_before_a_step_as_well(train, file, monkeypatch):
    """Whatever they register behind the hook that looks once."""
    steps = []

    class Others(BeforeStep):
        def __init__(self, runner, action):
            super().__init__(runner, action)
            optimizer = runner.optim_wrapper.optimizer
            optimizer.register_step_pre_hook(lambda *_: steps.append(1))

    monkeypatch.setattr(loaded_weights, 'BeforeStep', Others)
    train(init=file(backbone()))
    assert len(steps) == 2


def test_nothing_is_kept_after_the_first_iteration(train, file):
    init = file(backbone())
    runner = train(At('after_train_epoch', reset('backbone')), init=init)
    (hook,) = [
        hook
        for hook in runner.hooks
        if type(hook).__name__ == 'LoadedWeightsHook'
    ]
    assert not (hook._loaded or hook._parts or hook._files or hook._started)
    from cds_mm.checkpoint.host_loader import observers

    assert hook not in observers


def test_every_run_has_it():
    from cds_mm.engine.hooks import add_run_hooks

    cfg = Config(dict(model=dict(type='X'), default_hooks={}))
    add_run_hooks(cfg)
    assert any(h['type'] == 'LoadedWeightsHook' for h in cfg.custom_hooks)
