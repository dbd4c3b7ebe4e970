"""The probes of a checkpoint, from the command line.

In the coloured folder the classes are dark, red and blue images: stages of
random weights keep that, so that both probes read it from every stage.
"""

import json
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from command_lines import CONFIG, tiny
from mmengine.config import Config, DictAction
from mmengine.registry import HOOKS
from mmpretrain.registry import MODELS
from PIL import Image

from cds_mm.analysis.features import labelled_images, train_as_test
from cds_mm.commands.test import parse_args
from cds_mm.engine.run_config import run_config
from cds_mm.errors import UserError
from cds_mm.testing import fresh_seed

COLOURS = dict(a=(10, 10, 10), b=(20, 20, 220), c=(220, 20, 20))
CHANNELS = [8, 16, 32, 64]


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp('coloured')
    rng = np.random.default_rng(fresh_seed())
    for split, count in (('train', 6), ('test', 4)):
        for name, colour in COLOURS.items():
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                noise = rng.integers(0, 20, (32, 32, 3), dtype=np.uint8)
                path = root / split / name / f'{number}.png'
                cv2.imwrite(str(path), noise + np.uint8(colour))
    return root


def built(images):
    cfg = Config.fromfile(CONFIG)
    for pair in tiny(images)[1:]:
        key, value = pair.split('=')
        cfg.merge_from_dict({key: DictAction._parse_int_float_bool(value)})
    torch.manual_seed(fresh_seed())
    return MODELS.build(cfg.model)


@pytest.fixture(scope='module')
def files(images):
    """A checkpoint with its branches, and one of the backbone alone."""
    model = built(images)
    weights = model.state_dict()
    bare = {k: v for k, v in weights.items() if k.startswith('backbone.')}
    assert any(key.startswith('branches.') for key in weights)
    paths = images / 'whole.pth', images / 'bare.pth'
    for path, state in zip(paths, (weights, bare), strict=True):
        torch.save(dict(state_dict=state, meta={}), path)
    return SimpleNamespace(model=model.eval(), whole=paths[0], bare=paths[1])


@pytest.fixture
def probe(command, images, tmp_path):
    def run(checkpoint, *argv, **settings):
        argv = [CONFIG, checkpoint, '--work-dir', tmp_path / 'run', *argv]
        return command('probe_stages', *argv, *tiny(images, **settings))

    return run


def test_a_checkpoint_with_branches(probe, files, tmp_path):
    out = tmp_path / 'new' / 'probes'
    argv = ['--out', out, '--neighbors', 3, '--images', 5, '--seed', 7]
    done = probe(files.whole, *argv).fine()
    numbers = json.loads((out / 'stages.json').read_text())
    stages = numbers.pop('stages')
    assert list(stages) == ['stage1', 'stage2', 'stage3', 'stage4']
    assert [s.pop('channels') for s in stages.values()] == CHANNELS
    for stage in stages.values():
        assert stage == dict(
            linear_top1=100,
            linear_train_top1=100,
            linear_converged=True,
            knn_top1=100,
        )
    assert set(numbers.pop('versions')) == {'cds_mm', 'torch', 'scikit-learn'}
    assert numbers.pop('cfg_options')['model.backbone.base_channels'] == '8'
    assert numbers == dict(
        config=CONFIG,
        checkpoint=str(files.whole),
        train_images=15,
        test_images=12,
        classes=3,
        neighbors=3,
        knn_temperature=0.07,
        linear_inverse_penalty=1.0,
        embedding='tsne',
        seed=7,
    )
    with Image.open(out / 'stages.png') as picture:
        assert picture.format == 'PNG' and picture.width > picture.height
    assert re.search(r'stage4 +64 +100.00 +100.00 +100.00\n', done.out)
    assert 'not converged' not in done.out
    assert {p.name for p in out.iterdir()} == {'stages.json', 'stages.png'}


@pytest.mark.slow
def test_the_backbone_alone_is_enough(probe, files, images):
    probe(files.bare, '--embedding', 'pca', '--neighbors', 3).fine()
    found = json.loads((images / 'bare_stages/stages.json').read_text())
    assert found['train_images'] == 18
    assert [s['channels'] for s in found['stages'].values()] == CHANNELS
    assert found['embedding'] == 'pca'


def test_other_files_that_hold_the_backbone(files, images):
    """Each gives the weights of the checkpoint that it was made of."""
    from cds_mm.analysis.features import collect_features
    from cds_mm.engine.test import evaluation_config

    weights = torch.load(files.bare, weights_only=True)['state_dict']
    backbone = {k.removeprefix('backbone.'): v for k, v in weights.items()}
    preprocessor = Config.fromfile(CONFIG).data_preprocessor
    record = dict(
        format=1,
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8),
        channel_order='rgb',
        mean=list(preprocessor.mean),
        std=list(preprocessor.std),
    )

    def renamed(content, **options):
        hook = HOOKS.build(dict(type='AnyBackboneHook', **options))
        runner = SimpleNamespace(cfg=Config.fromfile(CONFIG), _load_from='x')
        hook.after_load_checkpoint(runner, content)
        state = content['state_dict']
        return {k: v for k, v in state.items() if k.startswith('backbone.')}

    def assert_same(state):
        assert state.keys() == weights.keys()
        assert all(torch.equal(state[key], weights[key]) for key in state)

    converted = dict(state_dict=backbone, meta=dict(cds_mm=record))
    assert_same(renamed(dict(converted)))
    assert_same(renamed(backbone | {'fc.weight': torch.zeros(3, 64)}))
    detector = weights | {'neck.conv.weight': torch.zeros(3)}
    assert_same(renamed(dict(state_dict=detector)))
    teacher = {f'teacher.{key}': value for key, value in weights.items()}
    student = {f'student.{key}': value + 1 for key, value in weights.items()}
    semi = dict(state_dict=teacher | student)
    with pytest.raises(UserError, match=r'--prefix teacher\.backbone\.'):
        renamed(semi)
    assert_same(renamed(semi, prefix='teacher.backbone.'))
    path = images / 'converted.pth'
    torch.save(converted, path)
    argv = [CONFIG, str(path), '--work-dir', str(images / 'work')]
    cfg = evaluation_config(parse_args([*argv, *tiny(images)]))
    kept, _ = collect_features(cfg)
    assert list(kept) == ['stage1', 'stage2', 'stage3', 'stage4']
    record |= dict(mean=[0.0] * 3, channel_order='bgr')
    with pytest.raises(UserError, match=r'BGR.*data_preprocessor\.mean="'):
        renamed(converted)


def test_features_are_the_mean_of_the_maps(files, images):
    """Of one image of training, decoded and normalised by hand."""
    from cds_mm.analysis.features import collect_features
    from cds_mm.engine.test import evaluation_config

    argv = [CONFIG, str(files.whole), '--work-dir', str(images / 'work')]
    cfg = evaluation_config(parse_args([*argv, *tiny(images)]))
    kept, data = collect_features(train_as_test(cfg))
    assert len(data) == 18
    with Image.open(images / 'train/b/2.png') as picture:
        pixels = torch.from_numpy(np.array(picture)).double()
    mean, std = cfg.data_preprocessor.mean, cfg.data_preprocessor.std
    image = (pixels - torch.tensor(mean)) / torch.tensor(std)
    with torch.no_grad():
        maps = files.model.backbone.double()(
            image.permute(2, 0, 1)[None].double()
        )
    files.model.float()
    for stage, one in zip(kept.values(), maps, strict=True):
        assert stage.features.dtype == torch.float32
        assert stage.labels.tolist() == 6 * [0] + 6 * [1] + 6 * [2]
        wanted = one[0].sum((1, 2)) / one[0][0].numel()
        assert stage.features[8].double().sub(wanted).abs().max() < 1e-4


def test_training_images_are_seen_as_a_test_sees_them(images):
    cfg = run_config(parse_args([CONFIG, 'x.pth', *tiny(images)]))
    leaf = cfg.train_dataloader.dataset.to_dict()
    cfg.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=2,
        dataset=dict(type='ConcatDataset', datasets=[leaf, leaf]),
    )
    wrapped = train_as_test(cfg).test_dataloader
    assert not wrapped.sampler.shuffle
    assert wrapped.dataset.type == 'RepeatDataset'
    for one in wrapped.dataset.dataset.datasets:
        assert one.split == 'train'
        assert one.pipeline == cfg.test_dataloader.dataset.pipeline
    first = cfg.train_dataloader.dataset.dataset.datasets[0]
    assert first.pipeline == leaf['pipeline'], 'the original is left alone'


class Listed:
    metainfo = dict(classes=('x', 'y'))

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return index

    def get_data_info(self, index):
        label = self.labels[index]
        return {} if label is None else dict(gt_label=label)


def test_the_first_of_each_class_whose_label_is_known():
    data = Listed([1, -1, 0, 1, 0, 1, 0])
    assert list(labelled_images(data, 2)) == [0, 2, 3, 4]
    assert list(labelled_images(data, None)) == [0, 2, 3, 4, 5, 6]
    assert labelled_images(data, 1).metainfo == Listed.metainfo
    copies = Listed([1, 0, 1, 0, 1, 0])
    copies.distinct_images = 2
    assert list(labelled_images(copies)) == [0, 1]
    for unknown in ([-1, -1], [None]):
        with pytest.raises(UserError, match='no image has a known label'):
            labelled_images(Listed(unknown), None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ('argv', 'words'),
    [
        (['--neighbors', 0], '--neighbors=0: use a number above 0'),
        (['--neighbors', 19], '19 neighbors of 18 training images'),
        (['--images', 0], '--images=0: use'),
        (['--out', '/dev/null/x'], '/dev/null.*: cannot be written'),
    ],
)
def test_a_slip_costs_one_line(probe, files, argv, words):
    assert re.search(words, probe(files.bare, *argv).error)


@pytest.mark.slow
def test_a_checkpoint_that_does_not_fit(probe, files, tmp_path):
    done = probe(files.whole, model__backbone__depth=34)
    assert 'use the config that it was trained with' in done.error
    assert 'no such file' in probe(tmp_path / 'none.pth').error.lower()
    assert not (files.whole.parent / 'whole_stages').exists()


@pytest.mark.slow
def test_one_class(probe, files, tmp_path):
    for split in ('train', 'test'):
        target = tmp_path / 'one' / split / 'a'
        target.mkdir(parents=True)
        source = files.whole.parent / split / 'a'
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    folders = {
        f'{split}_dataloader__dataset__data_root': tmp_path / 'one'
        for split in ('train', 'test')
    }
    out = tmp_path / 'probes'
    done = probe(files.bare, '--out', out, **folders)
    assert 'all images have the same label' in done.error
    assert not out.exists()
