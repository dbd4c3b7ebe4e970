"""Each network of the paper comes out of the converter as it was trained."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import nn

from cds_mm.checkpoint import (
    BackboneRecord,
    Options,
    check_file,
    convert,
    fingerprint,
    read_checkpoint,
    record_from_config,
)
from cds_mm.checkpoint.fingerprints import differences
from cds_mm.checkpoint.source import build_source, load_strictly
from cds_mm.checkpoint.training_config import plain
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, samples

# One of each family, and those that take longer.
QUICK = 'r18 rxt50 wrn50 se18 preact18 r18_cifar se18_cifar preact18_cifar'
SLOW = (
    'r34 r50 r101 rxt101 wrn101 se50 r34_cifar r50_cifar r101_cifar '
    'rxt50_cifar rxt101_cifar wrn50_cifar wrn101_cifar se50_cifar'
)
NETWORKS = QUICK.split() + [
    pytest.param(name, marks=pytest.mark.slow) for name in SLOW.split()
]
TORCHVISION = {
    'r18': 'resnet18',
    'r34': 'resnet34',
    'r50': 'resnet50',
    'r101': 'resnet101',
    'rxt50': 'resnext50_32x4d',
    'wrn50': 'wide_resnet50_2',
    'wrn101': 'wide_resnet101_2',
}
BASE = CONFIGS / '_base_'
FULL = dict(base_channels=64, stem_channels=64)
ALL = (0, 1, 2, 3)


@pytest.fixture
def trained(seed, tmp_path):
    """Trains one step with CDS and saves what a run saves."""

    def make(name):
        model = Config.fromfile(BASE / 'models' / f'{name}.py').model
        model.update(Config.fromfile(BASE / 'methods' / 'cds.py').method)
        model.data_preprocessor = dict(
            mean=[125.307, 122.961, 113.8575],
            std=[51.5865, 50.847, 51.255],
            to_rgb=True,
        )
        cfg = Config(dict(model=model))
        network = MODELS.build(cfg.model)
        record = record_from_config(cfg, network.data_preprocessor)
        step(network)
        path = tmp_path / 'epoch_1.pth'
        content = dict(state_dict=network.state_dict())
        meta = {'cds_mm': record.to_dict()}
        torch.save({**content, 'meta': meta}, path)
        network.eval()
        return network, path

    yield make
    # pytest keeps the folders of three runs, and these files are large.
    for path in tmp_path.glob('*.pth'):
        path.unlink()


def step(network):
    images = torch.randn(8, 3, 32, 32)
    losses = network.loss(images, samples([0, 1, 1, 2]))
    network.parse_losses(losses)[0].backward()
    torch.optim.SGD(network.parameters(), 0.01).step()


@pytest.mark.parametrize('name', NETWORKS)
def test_what_was_trained_comes_out(name, trained, tmp_path):
    network, src = trained(name)
    path = convert(src, tmp_path / 'b.pth').path
    content = read_checkpoint(path)
    state, values = content['state_dict'], content['meta']['cds_mm']
    record = BackboneRecord.from_dict(values, path)
    expected = network.backbone.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[key], expected[key]) for key in state)
    rebuilt = build_source(record, path)
    assert type(rebuilt) is type(network.backbone)
    load_strictly(rebuilt, state, path, 'it')
    again = fingerprint(rebuilt, record)
    gaps = differences(record.fingerprint, again)
    assert sorted(gaps) == [0, 1, 2, 3]
    assert max(gaps.values()) <= 1e-5
    if name in TORCHVISION:
        written = convert(src, path, Options(target='torchvision')).path
        assert_runs_in_torchvision(written, name, network.backbone)


def assert_runs_in_torchvision(path, name, backbone):
    import torchvision

    theirs = getattr(torchvision.models, TORCHVISION[name])().eval()
    head = {f'fc.{k}': v for k, v in theirs.fc.state_dict().items()}
    state = torch.load(path, weights_only=True)
    theirs.load_state_dict({**state, **head}, strict=True)
    theirs.fc = nn.Identity()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = theirs(images)
        expected = backbone(images)[-1].mean((2, 3))
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize('target', ['torchvision', 'timm', 'detectron2'])
def test_what_a_library_cannot_run_is_not_written(
    target, training_file, tmp_path
):
    src, _ = training_file(type='PreActResNet')
    options = Options(target=target)
    with pytest.raises(UserError, match='pre-activation.*--target mmdet$'):
        convert(src, tmp_path / 'b.pth', options)
    assert list(tmp_path.iterdir()) == [src]


RESNEXT = dict(type='ResNeXt', depth=50, groups=32, **FULL)


@pytest.mark.parametrize(
    ('trained_as', 'built_as'),
    [
        (
            dict(RESNEXT, width_per_group=4),
            dict(RESNEXT, base_width=4),
        ),
        (
            dict(depth=50, base_channels=32, expansion=2),
            dict(
                type='mmpretrain.ResNet',
                depth=50,
                base_channels=32,
                expansion=2,
                out_indices=ALL,
            ),
        ),
        (
            dict(type='SEResNetAnyDepth'),
            dict(type='mmpretrain.SEResNetAnyDepth', out_indices=ALL),
        ),
        (
            dict(type='PreActResNet'),
            dict(type='mmpretrain.PreActResNet', out_indices=ALL),
        ),
    ],
)
def test_proven_in_a_detector(
    trained_as, built_as, training_file, detector, tmp_path
):
    """MMDetection's own class, or MMPretrain's by its scope.

    A type of MMPretrain returns its last stage alone unless ``out_indices``
    says otherwise, which a neck needs and this proof does not (it looks at
    every stage).  The proof does not read ``init_cfg`` either, by which the
    detection run loads the file.  Types of this project need
    ``custom_imports=dict(imports=['cds_mm.registration'])`` in a detector's
    config.
    """
    src, network = training_file(**trained_as)
    cfg = detector(**built_as)
    result = convert(src, tmp_path / 'b.pth', Options(detector=cfg))
    rows = {part: row for part, *row in result.proof.rows}
    last = ['final'] if 'final_norm' in dict(network.named_children()) else []
    stages = [f'layer{i}' for i in range(1, 5)]
    assert list(rows) == ['stem', *stages, *last]
    assert all(rows[stage][2] <= 1e-5 for stage in stages)
    learned = sum(p.numel() for p in network.parameters())
    assert sum(row[1] for row in rows.values()) == learned
    check_file(result.path, cfg)
    loaded = loaded_by_a_run(dict(cfg.model.backbone), result.path)
    expected = network.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in loaded)


@pytest.mark.parametrize('indices', [ALL, (1, 3), None])
def test_parameters_that_only_some_outputs_have(
    indices, record, mm_backbone, tmp_path
):
    """A ConvNeXt has a norm for each output: ``norm0`` to ``norm3``."""
    backbone = dict(
        type='ConvNeXt',
        arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
        gap_before_final_norm=False,
        **(dict(out_indices=indices) if indices else {}),
    )
    network = mm_backbone(**backbone)
    state = network.state_dict()
    norms = {key.split('.')[0] for key in state if key.startswith('norm')}
    assert norms == {f'norm{i}' for i in indices or (3,)}
    src = tmp_path / 'epoch_1.pth'
    trained = {f'backbone.{key}': value for key, value in state.items()}
    values = record(backbone=plain(backbone, 'backbone')).to_dict()
    torch.save({'state_dict': trained, 'meta': {'cds_mm': values}}, src)
    result = convert(src, tmp_path / 'b.pth')
    loaded = read_checkpoint(result.path)['state_dict']
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    stages = result.record.fingerprint['stages']
    assert list(stages) == [str(i) for i in indices or (3,)]


def loaded_by_a_run(backbone, path):
    from mmdet.registry import MODELS as DETECTORS

    backbone['init_cfg'] = dict(type='Pretrained', checkpoint=str(path))
    with DefaultScope.overwrite_default_scope('mmdet'):
        built = DETECTORS.build(backbone)
        built.init_weights()
    built.eval()  # or the statistics would move
    assert len(built(torch.randn(1, 3, 64, 64))) == 4
    return built.state_dict()


@pytest.mark.slow
def test_proven_in_a_stock_detector(training_file, tmp_path):
    backbone = dict(RESNEXT, depth=101, width_per_group=4)
    src, _ = training_file(**backbone)
    name = 'mmdet::faster_rcnn/faster-rcnn_x101-32x4d_fpn_1x_coco.py'
    proof = convert(src, tmp_path / 'b.pth', Options(detector=name)).proof
    assert sum(row[2] for row in proof.rows) == 44_177_704 - 2_049_000


def test_the_other_network_of_a_pair_is_refused(
    training_file, detector, tmp_path
):
    wide = dict(depth=50, base_channels=32, expansion=2)
    src, _ = training_file(**wide)
    cases = {
        'cannot be built': wide,  # MMDetection's has no such argument
        r'conv1\.weight is 32x16': dict(depth=50),
    }
    for line, backbone in cases.items():
        with pytest.raises(UserError, match=line):
            options = Options(detector=detector(**backbone))
            convert(src, tmp_path / 'b.pth', options)
