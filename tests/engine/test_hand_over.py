"""The file that a backbone starts from has to fill it, whatever its origin."""

import gc
import re
import weakref

import pytest
import torch
from mmengine.config import Config

from cds_mm.engine.checkpoints import check_pretrained
from cds_mm.engine.hand_over import check_pretrained_url, check_start
from cds_mm.engine.hooks import add_run_hooks
from cds_mm.engine.pretrained import PretrainedFile
from cds_mm.errors import UserError
from cds_mm.run_warnings import forget_warnings, warnings_so_far
from cds_mm.testing import fresh_seed

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
BACKBONE = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
R50 = dict(BACKBONE, depth=50)
RECORD = dict(
    format=1, backbone=BACKBONE, channel_order='rgb', mean=MEAN, std=STD
)


def network(**changes):
    import mmpretrain.models  # noqa: F401
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS

    torch.manual_seed(fresh_seed())
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build({**BACKBONE, **changes}).state_dict()


def detector(init=None, preprocessor=None, **backbone):
    preprocessor = dict(
        dict(type='DetDataPreprocessor', mean=MEAN, std=STD, bgr_to_rgb=True),
        **(preprocessor or {}),
    )
    model = dict(
        type='RetinaNet',
        data_preprocessor=preprocessor,
        backbone=dict(BACKBONE, init_cfg=init, **backbone),
    )
    data = dict(type='CocoDataset', pipeline=[dict(type='LoadImageFromFile')])
    loader = dict(dataset=data)
    return Config(
        dict(default_scope='mmdet', model=model, train_dataloader=loader)
    )


@pytest.fixture
def start(tmp_path):
    """Checks a run that starts from some content; gives its config."""

    def check(content, prefix=None, name='f.pth', **changes):
        path = tmp_path / name
        torch.save(content, path)
        init = dict(type='Pretrained', checkpoint=str(path), prefix=prefix)
        cfg = detector(init, **changes)
        check_pretrained(cfg, PretrainedFile(str(path), prefix))
        return cfg

    return check


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def training(state=None, **record):
    state = under('backbone.', state or network())
    return dict(
        state_dict=state | {'head.fc.weight': torch.zeros(3)},
        meta=dict(cds_mm={**RECORD, **record}),
    )


def refusal(start, *args, **changes):
    with pytest.raises(UserError) as caught:
        start(*args, **changes)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_an_unconverted_checkpoint_is_recognised(start):
    said = refusal(start, training())
    assert 'it is a training checkpoint' in said
    assert 'tools/convert_backbone.py' in said


def test_its_record_is_compared_under_its_prefix(start):
    cfg = start(training(), 'backbone.')
    add_run_hooks(cfg, PretrainedFile(cfg.model.backbone.init_cfg.checkpoint))
    kinds = [hook['type'] for hook in cfg.custom_hooks]
    assert 'VerifyPretrainedHook' in kinds
    wrong = dict(mean=[0.0] * 3, bgr_to_rgb=False)
    said = refusal(start, training(), 'backbone.', preprocessor=wrong)
    assert 'channel order: the backbone was trained on RGB' in said
    assert 'mean:' in said
    eps = dict(norm_cfg=dict(type='BN', eps=0.01))
    assert 'stage 1' in refusal(start, training(), 'backbone.', **eps)


FOREIGN = {
    'torchvision': lambda s: s | {'fc.weight': torch.zeros(4)},
    'parallel': lambda s: dict(state_dict=under('module.', s)),
    'counters': lambda s: {
        k: v for k, v in s.items() if not k.endswith('tracked')
    },
}


@pytest.mark.parametrize('kind', FOREIGN)
def test_files_of_others_that_fill_it_start(start, kind):
    forget_warnings()
    start(FOREIGN[kind](network()))
    assert not warnings_so_far()


def test_the_prefix_that_is_named_helps(start):
    for prefix in ('backbone.', 'encoder_q.', 'a.b.'):
        content = dict(state_dict=under(prefix, network()))
        said = refusal(start, content)
        named = re.search(r"init_cfg\.prefix='([\w.]+)'", said)[1]
        assert named == prefix
        start(content, named)


def test_a_prefix_over_bare_keys(start):
    for content in (network(), dict(state_dict=network())):
        said = refusal(start, content, 'backbone.')
        assert "prefix='backbone.', the file has bare keys" in said
        assert 'init_cfg.prefix=None' in said
        start(content)


def test_lost_tensors(start):
    state = network()
    del state['layer2.0.conv1.weight']
    said = refusal(start, state)
    assert re.search(r'1 of \d+ tensors .* layer2\.0\.conv1\.weight', said)


def test_weights_that_nobody_trained(start):
    state = network()
    state['layer1.0.conv1.weight'][0, 0, 0, 0] = torch.nan
    for content in (state, training(state)):
        prefix = 'backbone.' if content is not state else None
        assert 'conv1.weight holds NaN' in refusal(start, content, prefix)
    counts = {key: value.int() for key, value in network().items()}
    assert 'holds numbers of type int32' in refusal(start, counts)


def test_another_depth_or_width_or_network(start):
    assert 'ResNet-34' in refusal(start, network(depth=34))
    said = refusal(start, network(base_channels=16))
    assert re.search('is 16x.* builds', said)
    assert 'none of its tensors' in refusal(start, dict(a=torch.zeros(2)))
    said = refusal(start, dict(teacher=network(), epoch=3))
    assert 'no tensor where MMEngine looks' in said


def test_layers_that_the_detector_adds(start):
    dcn = dict(
        depth=50,
        dcn=dict(type='DCN', deform_groups=1, fallback_on_stride=False),
        stage_with_dcn=(False, True, True, True),
    )
    state = network(depth=50)
    start(state | {'fc.bias': torch.zeros(3)}, **dcn)
    del state['layer2.0.conv3.weight']
    assert '1 of ' in refusal(start, state, **dcn)


def test_the_way_it_was_spelled_once(tmp_path):
    from cds_mm.config import find_pretrained

    cfg = detector()
    cfg.model.backbone.pretrained = 'torchvision://resnet18'
    assert find_pretrained(cfg) == 'torchvision://resnet18'
    kind = 'mmengine.model.weight_init.PretrainedInit'
    cfg = detector(dict(type=kind, checkpoint='a.pth'))
    assert find_pretrained(cfg) == 'a.pth'


def test_a_class_that_renames_is_warned_of_only(start, monkeypatch):
    """Swin of MMDetection reads the keys of the original code."""
    import mmdet.models  # noqa: F401
    from mmdet.registry import MODELS

    swin = dict(type='SwinTransformer', embed_dims=8, depths=(1, 1, 1, 1))
    swin['num_heads'] = (1, 2, 4, 8)
    state = MODELS.build(dict(swin)).state_dict()
    names = {k: k.replace('stages.', 'layers.') for k in state}
    forget_warnings()
    renamed = {names[key]: value for key, value in state.items()}
    monkeypatch.setitem(globals(), 'BACKBONE', swin)
    start(renamed)
    assert 'may rename them' in warnings_so_far()[0]
    said = refusal(start, dict(other=torch.zeros(3, 5)))
    assert 'none of its tensors' in said
    forget_warnings()


def test_another_hash_than_in_the_name(start):
    forget_warnings()
    start(network(), name='r18-0000000a.pth')
    assert 'starts with 0000000a, but it' in warnings_so_far()[0]
    forget_warnings()
    start(network(), name='r18-20240131.pth')
    assert not warnings_so_far()


class Runner:
    def __init__(self, cfg):
        from mmdet.registry import MODELS

        self.cfg = cfg
        self.model = torch.nn.Module()
        backbone = dict(cfg.model.backbone, init_cfg=None)
        self.model.backbone = MODELS.build(backbone)


@pytest.mark.parametrize(
    'url', ['torchvision://resnet18', 'https://nowhere.invalid/a.pth']
)
def test_a_url_without_a_network(url, monkeypatch):
    import socket

    def nobody(*args, **kwargs):
        raise socket.gaierror(-2, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', nobody)
    monkeypatch.setenv('TORCH_HOME', '/nonexistent/cache')
    cfg = detector(dict(type='Pretrained', checkpoint=url))
    check_pretrained(cfg, PretrainedFile(url))
    with pytest.raises(UserError) as caught:
        check_pretrained_url(Runner(cfg), PretrainedFile(url))
    assert 'download it elsewhere and name the file' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_url_that_is_loaded_has_to_fill_it_too(monkeypatch):
    from mmengine.runner.checkpoint import CheckpointLoader

    contents = dict(right=network(), wrong=under('backbone.', network()))
    for word, content in contents.items():
        monkeypatch.setattr(
            CheckpointLoader,
            'load_checkpoint',
            lambda *args, content=content, **more: content,
        )
        url = f'https://x.invalid/{word}.pth'
        cfg = detector(dict(type='Pretrained', checkpoint=url))
        ask = Runner(cfg), PretrainedFile(url)
        if word == 'right':
            check_pretrained_url(*ask)
            continue
        with pytest.raises(UserError, match=r"prefix='backbone\.'"):
            check_pretrained_url(*ask)


def test_load_from_is_compared_with_the_record(tmp_path):
    path = tmp_path / 'epoch_3.pth'
    content = training()
    torch.save(content, path)
    cfg = detector()

    def check(cfg, meta):
        check_start(cfg, PretrainedFile(str(path), 'backbone.'), meta)

    check(cfg, content['meta'])
    wrong = detector(preprocessor=dict(bgr_to_rgb=False))
    with pytest.raises(UserError, match=r'load_from=.*channel order'):
        check(wrong, content['meta'])
    wrong.resume = True
    check(wrong, content['meta'])
    bare = dict(state_dict=network(), meta=content['meta'])
    torch.save(bare, path)
    with pytest.raises(
        UserError, match=r'load_from=None model\.backbone\.init_'
    ):
        check(cfg, bare['meta'])
    check(cfg, {})


def test_a_file_is_read_once_and_not_kept(tmp_path, monkeypatch):
    """Of ``load_from`` and of ``init_cfg``."""
    import cds_mm.checkpoint.reading as reading
    from cds_mm.engine import checks
    from cds_mm.engine.plan import RunPlan

    read, opened, kept = reading.read_file, [], []

    def counted(path, *args):
        opened.append(str(path))
        content = read(path, *args)
        kept.extend(map(weakref.ref, content['state_dict'].values()))
        return content

    monkeypatch.setattr(reading, 'read_file', counted)
    # There is no data, and no optimizer.
    for name in ('settings', 'amp', 'optimizer'):
        monkeypatch.setattr(checks, f'check_{name}', lambda *_: None)
    monkeypatch.setattr(RunPlan, 'annotations', {})
    path = tmp_path / 'epoch_3.pth'
    torch.save(training(), path)
    init = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    for load_from in (None, str(path)):
        opened.clear()
        cfg = detector(None if load_from else init)
        cfg.update(load_from=load_from, resume=False, work_dir=str(tmp_path))
        pretrained = PretrainedFile(str(path), 'backbone.')
        pretrained = None if load_from else pretrained
        add_run_hooks(cfg, pretrained)
        plan = RunPlan(cfg, ('train',), pretrained)
        checks.check(plan)
        assert opened == [str(path)]
        gc.collect()
        assert kept and not any(one() is not None for one in kept)
        assert bool(plan.start_meta) == bool(load_from)
        assert opened == [str(path)]
