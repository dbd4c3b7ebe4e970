"""Every config parses, says what it is, and keeps the conventions."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config

from cds_mm.config import training_views
from cds_mm.engine.hooks import CLASSIFICATION_HOOKS, RUN_HOOKS
from cds_mm.experiments import Cell, find_config
from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.leaves import folders
from cds_mm.experiments.published import published
from cds_mm.testing import CONFIGS

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob('*.py')
    if '_base_' not in path.parts
)
METHODS = (
    'baseline dsn dks dhm cds cds-semi cds-kd kd at rkd sp crd cc one sskd '
    'sskd-teacher supcon supcon-linear byol byol-dsn'
).split()
VIEWS = {'cds': 2, 'cds-semi': 2, 'cds-kd': 2}
VIEWS |= {'sskd': 4, 'sskd-teacher': 4}
MODELS = (
    'r18 r34 r50 r101 rxt50 rxt101 wrn50 wrn101 se18 se50 preact18'.split()
)
# For images of your own alone: type of the backbone, width of its last stage.
OTHERS = {
    'convnext-t': ('ConvNeXt', 768),
    'swin-t': ('SwinTransformer', 768),
    'regnetx-3.2gf': ('RegNet', 1008),
    'mobilenet-v2': ('MobileNetV2', 320),
    'cspnext-s': ('mmdet.CSPNeXt', 512),
    'cspdarknet-s': ('mmdet.CSPDarknet', 512),
}
EPOCHS = {'in1k': 90, 'cifar100': 300, 'cifar10': 300, 'digits': 8}
FINEGRAINED = {
    'cub': 200,
    'cars': 196,
    'flowers': 102,
    'dogs': 120,
    'aircraft': 100,
}
EPOCHS |= dict.fromkeys(FINEGRAINED, 100)
CLASSES = {'in1k': 1000, 'cifar100': 100, 'cifar10': 10, **FINEGRAINED}
TABLE_4 = ('faster-rcnn', 'retinanet')
DETECTORS = (*TABLE_4, 'mask-rcnn', 'dino-4scale', 'rtmdet', 'yolox')


@cache
def load(name):
    """A config, which nobody may change."""
    return Config.fromfile(CONFIGS / name)


def header(name):
    return ast.get_docstring(ast.parse((CONFIGS / name).read_text()))


def is_detection(name):
    return name.split('/')[-1].startswith(DETECTORS)


def has_classifier(cfg):
    return 'num_classes' in (cfg.model.head or {})


def code_lines(name):
    tree = ast.parse((CONFIGS / name).read_text())
    body = [n for n in tree.body if not isinstance(n, ast.Expr)]
    return body[-1].end_lineno - body[0].lineno + 1


@pytest.mark.parametrize('name', LEAVES)
def test_a_leaf_parses_and_is_small(name):
    cfg = load(name)
    assert cfg.model.type
    assert code_lines(name) <= 30
    doc = header(name)
    command = f'configs/{name}'
    assert command in doc, 'the header gives the command'
    assert re.search(r'\bGPUs?\b|CPU', doc), 'and the hardware'
    assert 'easured' in doc, 'and the score'


@pytest.mark.parametrize('name', [n for n in LEAVES if not is_detection(n)])
def test_a_name_says_what_is_in_it(name):
    stem = name.split('/')[-1].removesuffix('.py')
    method, model, data, *variant = stem.split('_')
    assert method in METHODS
    cfg = load(name)
    if model in OTHERS:
        given = cfg.model.backbone.type, cfg.model.head.in_channels
        assert given == OTHERS[model]
    else:
        assert model in MODELS
        depth = int(re.sub(r'\D', '', model))
        assert cfg.model.backbone.depth == depth
    if data in CLASSES and has_classifier(cfg):
        assert cfg.model.head.num_classes == CLASSES[data]
    if cfg.load_from:
        # Whose epochs and batch the name of a linear classifier has.
        start = Path(cfg.load_from).parent.name
        assert f'{model}_{data}' in start
        if method == 'supcon-linear':
            assert start == stem.replace('-linear', '', 1)
            variant = ['100e']
    epochs = EPOCHS.get(data, cfg.train_cfg.max_epochs)
    words = [word for part in variant for word in part.split('-')]
    for word in words:
        if re.fullmatch(r'\d+e', word):
            epochs = int(word[:-1])
        elif word == 'cpu' and len(words) == 1:
            epochs = 20
    assert cfg.train_cfg.max_epochs == epochs
    views = VIEWS.get(method, 1) if has_classifier(cfg) else 2
    assert len(training_views(cfg)) == views
    total = cfg.auto_scale_lr.base_batch_size
    words = ' '.join(header(name).split())
    gpus = re.search(r'For (\d+) (GPUs?|CPU core)', words)
    assert int(gpus[1]) * cfg.train_dataloader.batch_size == total


def test_the_hooks_of_configs_and_launcher_are_the_same():
    cfg = load('cds_r50_in1k.py')
    types = [hook['type'] for hook in cfg.custom_hooks]
    assert types == [*RUN_HOOKS, *CLASSIFICATION_HOOKS]


@pytest.mark.parametrize('folder', folders())
def test_the_headers_have_the_published_numbers(folder):
    seen = 0
    for path in folder.glob('*.py'):
        cell = cell_of(path.stem)
        metric = 'AP' if cell.data == 'coco' else 'top1'
        number = published(cell, metric)
        text = ' '.join(header(path.relative_to(CONFIGS)).split())
        found = re.search(r'(?:Top-1|AP) ([\d.]+) (?:% )?published', text)
        if number and found:
            seen += 1
            assert float(found[1]) == number.value, path.name
        else:
            # A twin of a cell may not claim the cell's number.
            assert number is None and found is None, path.name
    assert seen or folder.name == 'cifar10'


def test_every_cell_has_a_config():
    methods, data = ('baseline', 'dsn', 'dks', 'dhm', 'cds'), 'cifar100'
    for model in set(MODELS) - {'r34'}:
        for method in methods:
            assert find_config(Cell(method, model, data))
    for method in methods:
        for model in ('r18', 'r34', 'r50'):
            assert find_config(Cell(method, model, 'in1k'))
        for data in FINEGRAINED:
            assert find_config(Cell(method, 'r50', data))
            if method != 'baseline':
                other = f'{method}-pretrained'
                assert find_config(Cell('baseline', 'r50', data, other))
        for detector in TABLE_4:
            name = f'detection/{detector}_r50-{method}_fpn_1x_coco.py'
            assert name in LEAVES


def test_table_4_differs_in_the_checkpoint_alone():
    for detector in TABLE_4:
        recipes = set()
        for method in ('baseline', 'dsn', 'dks', 'dhm', 'cds'):
            name = f'detection/{detector}_r50-{method}_fpn_1x_coco.py'
            recipe = load(name)._cfg_dict.to_dict()
            start = recipe['model']['backbone'].pop('init_cfg')
            assert f'{method}_r50_in1k' in start['checkpoint']
            recipes.add(json.dumps(recipe, sort_keys=True, default=str))
        assert len(recipes) == 1


def test_table_6_starts_from_what_it_says():
    for data in FINEGRAINED:
        for method in ('dsn', 'dks', 'dhm', 'cds'):
            own = load(f'finegrained/{method}_r50_{data}.py')
            plain = load(
                f'finegrained/baseline_r50_{data}_{method}-pretrained.py'
            )
            start = own.model.backbone.init_cfg.checkpoint
            assert 'baseline_r50_in1k' in start
            start = plain.model.backbone.init_cfg.checkpoint
            assert f'{method}_r50_in1k' in start
            assert list(plain.model.supervisions) == ['ce']
            assert set(own.model.supervisions) > {'ce'}


def test_no_best_epoch_where_top1_cannot_change():
    frozen = [
        n
        for n in LEAVES
        if {'backbone', 'head'} <= set(load(n).model.get('frozen', ()))
    ]
    assert len(frozen) == 3
    for name in frozen:
        assert load(name).default_hooks.checkpoint.save_best is None


def test_what_starts_from_another_run_starts_from_its_last_epoch():
    seen = 0
    for name in filter(lambda n: 'representation' in n, LEAVES):
        cfg = load(name)
        if has_classifier(cfg):
            first = Path(cfg.load_from)
            before = load(f'representation/{first.parent.name}.py')
            assert first.name == f'epoch_{before.train_cfg.max_epochs}.pth'
            assert not has_classifier(before)
            assert before.val_dataloader is None
            for key in ('mean', 'std', 'to_rgb'):
                assert (
                    before.data_preprocessor[key]
                    == (cfg.data_preprocessor[key])
                )
            seen += 1
    assert seen == 9


def test_the_twins_differ_in_the_method_alone():
    cds = load('cifar100/cds_r18_cifar100.py')
    twin = load('cifar100/baseline_r18_cifar100.py')
    views = [
        [step for step in view if not step['type'].startswith('Pack')]
        for cfg in (cds, twin)
        for view in training_views(cfg)
    ]
    first, second, alone = views
    assert first == alone != second
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert cds[key] == twin[key]
    assert cds.model.backbone == twin.model.backbone
    longer = load('cifar100/baseline_r18_cifar100_600e.py')
    assert longer.train_cfg.max_epochs == 2 * cds.train_cfg.max_epochs
    assert longer.param_scheduler.milestones == [
        2 * epoch for epoch in cds.param_scheduler.milestones
    ]


@pytest.mark.parametrize('data', ['cifar100', 'cifar10', 'cifar10_folder'])
def test_few_labels_differ_from_cds_and_from_each_other_as_they_say(data):
    folder = 'cifar100' if data == 'cifar100' else 'cifar10'
    whole = load(f'{folder}/cds_r18_{data}.py')
    unsupervised = Config(whole._cfg_dict.to_dict())
    unsupervised.model.supervisions.cds.positives = 'instance'
    own = ('type', 'of', 'ratio', 'keep')
    for percent in (10, 20, 30, 40):
        semi = load(f'semi/cds-semi_r18_{data}_{percent}pct.py')
        twin = load(f'semi/baseline_r18_{data}_{percent}pct.py')
        assert semi.model == unsupervised.model
        assert twin.model.backbone == semi.model.backbone
        assert list(twin.model.supervisions) == ['ce']
        for key in ('optim_wrapper', 'param_scheduler', 'train_cfg'):
            assert semi[key] == twin[key] == whole[key]
        loader = whole.train_dataloader
        for cfg, keep in ((semi, None), (twin, 'labelled')):
            dataset = cfg.train_dataloader.dataset
            assert dataset.type == 'LabelFraction'
            assert (dataset.of, dataset.get('keep')) == (
                loader.dataset.type,
                keep,
            )
            assert dataset.ratio == percent / 100
            for key in set(loader.dataset) - {*own, 'pipeline'}:
                assert dataset[key] == loader.dataset[key]
            assert cfg.train_dataloader.batch_size == loader.batch_size
        assert semi.train_dataloader.sampler == loader.sampler
        assert twin.train_dataloader.sampler.type == 'EqualIterationsSampler'


@pytest.mark.parametrize('model', ['r18', 'r50'])
def test_another_crop_of_your_own_images(model):
    """The keys that the README names."""
    cds = load(f'cds_{model}_folder.py')
    views = 'train_dataloader.dataset.pipeline.1.transforms'
    tested = 'val_dataloader.dataset.pipeline'
    cds.merge_from_dict(
        {f'{views}.0.0.scale': 160, f'{views}.1.0.scale': 160}
        | {f'{tested}.1.scale': 183, f'{tested}.2.crop_size': 160}
    )
    twin = load(f'baseline_{model}_folder.py')
    key = 'train_dataloader.dataset.pipeline.1.scale'
    twin.merge_from_dict({key: 160})
    crop = 'AntialiasedResizedCrop'
    two = cds.train_dataloader.dataset.pipeline[1].transforms
    one = twin.train_dataloader.dataset.pipeline[1]
    for step in (two[0][0], two[1][0], one):
        assert (step.type, step.scale) == (crop, 160)
    resize, centre = cds.val_dataloader.dataset.pipeline[1:3]
    assert (resize.type, resize.scale) == ('ResizeEdge', 183)
    assert (centre.type, centre.crop_size) == ('CenterCrop', 160)


def test_the_published_numbers():
    cfg = load('cds_r50_in1k.py')
    cds = cfg.model.supervisions.cds
    assert (cds.weight, cds.temperature, cds.gather) == (0.1, 0.07, False)
    assert cfg.model.supervisions.ce.views == (0,)
    assert not cfg.model.backbone.zero_init_residual
    assert cfg.optim_wrapper.optimizer.weight_decay == 1e-4
    assert cfg.param_scheduler.milestones == [30, 60]
    cfg = load('cifar100/cds_r18_cifar100.py')
    assert cfg.optim_wrapper.optimizer.weight_decay == 5e-4
    assert cfg.param_scheduler.milestones == [90, 180, 280]
    dks = load('dks_r50_in1k.py').model
    assert {'ce', 'dsn', 'dks'} == set(dks.supervisions)
    assert dks.supervisions.dks.temperature == 1
    assert dks.branches.stage3.tower.width_mult == 2
    dhm = load('dhm_r50_in1k.py').model
    assert dhm.supervisions.dhm.dynamic == 'term_drop'
    assert dhm.branches == dks.branches
    folder = 'representation'
    cfg = load(f'{folder}/supcon_r50_in1k_bs6144-350e-autoaug.py')
    supcon = cfg.model.supervisions.supcon
    assert (supcon.temperature, supcon.base_temperature) == (0.1, 0.07)
    assert supcon.gather and list(cfg.model.supervisions) == ['supcon']
    cfg = load(f'{folder}/supcon-linear_r18_cifar100_1000e.py')
    assert cfg.model.frozen == ('backbone',)
    assert cfg.optim_wrapper.optimizer.lr == 5
    assert cfg.param_scheduler.milestones == [60, 75, 90]
    cfg = load(f'{folder}/byol_r50_in1k_pretrain-1000e.py')
    assert cfg.model.base_momentum == pytest.approx(1 - 0.996)
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(0.2 * 1024 / 256)
    assert cfg.optim_wrapper.optimizer.weight_decay == 1.5e-6
    cfg = load('baseline_r50_in1k_bs4096-270e-autoaug.py')
    assert cfg.optim_wrapper.optimizer.lr == 1.6
    assert cfg.param_scheduler.milestones == [90, 180, 240]


def test_detection_needs_nothing_of_this_package():
    for name in filter(is_detection, LEAVES):
        assert 'cds_mm' not in repr(load(name).to_dict()), name
