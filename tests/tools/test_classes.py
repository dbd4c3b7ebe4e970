"""A label means the same class in training, in a test and to a teacher."""

import json
import re
import shlex

import pytest
import torch
from command_lines import CONFIG, tiny
from mmpretrain.registry import MODELS

from cds_mm.config import load_config
from cds_mm.testing import fresh_seed, write_class_folder

KNOWN = ('a', 'b', 'c', 'd')
# A network that says 'c', whatever it sees.
ALWAYS = KNOWN.index('c')


@pytest.fixture(scope='module')
def weights():
    cfg = load_config(CONFIG)
    cfg.model.backbone.base_channels = 8
    cfg.model.head.update(in_channels=64, num_classes=len(KNOWN))
    torch.manual_seed(fresh_seed())
    state = MODELS.build(cfg.model).state_dict()
    state['head.fc.weight'].zero_()
    state['head.fc.bias'].copy_(torch.eye(len(KNOWN))[ALWAYS])
    return state


@pytest.fixture
def checkpoint(weights, tmp_path):
    def save(classes=KNOWN, name='epoch_1.pth'):
        meta = (
            {} if classes is None else dict(dataset_meta=dict(classes=classes))
        )
        torch.save(dict(state_dict=weights, meta=meta), tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def images(tmp_path):
    def write(split='test', **sizes):
        write_class_folder(tmp_path / split, sizes, side=32)
        return tmp_path

    return write


@pytest.fixture
def tested(command, tmp_path):
    def run(path, *settings):
        out = tmp_path / 'metrics.json'
        out.unlink(missing_ok=True)
        result = command(
            'test', CONFIG, path, '--work-dir', tmp_path / 'work',
            '--out', out, '--out-item', 'metrics', *tiny(tmp_path), *settings,
        )  # fmt: skip
        if result.code == 0:
            return json.loads(out.read_text())['accuracy/top1'], result.out
        return result.error

    return run


def test_a_test_folder_that_lacks_a_class(tested, images, checkpoint):
    images(b=2, c=4, d=6)  # shifted, 'c' would be the folder d: 50 %
    score, log = tested(checkpoint())
    assert score == pytest.approx(100 * 4 / 12, abs=1e-3)
    warning = "has no folder for 1 of the 4 classes of .*, such as 'a'"
    assert len(re.findall(warning, log)) == 2, 'when it starts and ends'


@pytest.mark.slow
def test_a_complete_folder_and_a_foreign_checkpoint(
    tested, images, checkpoint
):
    images(a=1, b=2, c=4, d=6)
    wanted = pytest.approx(100 * 4 / 13, abs=1e-3)
    for path in (checkpoint(), checkpoint(None)):
        score, log = tested(path)
        assert score == wanted and 'has no folder' not in log
    score, _ = tested(checkpoint(('A', 'b', 'C', 'd')))
    assert score == wanted, 'spelling does not matter'
    # Another order than that of the folders, as `metainfo.classes` gives it.
    score, _ = tested(checkpoint(('d', 'c', 'b', 'a')))
    assert score == pytest.approx(100 * 2 / 13, abs=1e-3)


def test_other_classes(tested, images, checkpoint):
    images(a=1, b=1, x=1, y=1)
    error = tested(checkpoint())
    assert "has 4, of which 'x' is none of them" in error
    assert "use images of its classes, ('a','b','c','d')" in error


@pytest.mark.slow
def test_the_same_classes_by_other_names(tested, images, checkpoint):
    images(n1=1, n2=2, n3=4, n4=6)
    error = tested(checkpoint())
    assert 'if these are the same classes in this order, set ' in error
    (setting,) = shlex.split(*re.findall(r'set (test_\S+)', error))
    score, _ = tested(checkpoint(), setting)
    assert score == pytest.approx(100 * 4 / 13, abs=1e-3)


@pytest.mark.slow
def test_names_in_the_config_are_looked_at_too(tested, images, checkpoint):
    images(b=2, c=4, d=6)
    given = "test_dataloader.dataset.metainfo.classes=('d','c','b','a')"
    error = tested(checkpoint(), given)
    assert 'has 4, in another order' in error
    (setting,) = shlex.split(*re.findall(r'set (test_\S+)', error))
    score, _ = tested(checkpoint(), setting)
    assert score == pytest.approx(100 * 4 / 12, abs=1e-3)


@pytest.mark.slow
def test_an_annotation_file_of_another_order(tested, images, checkpoint):
    root = images(a=1, b=2, c=4, d=6)
    lines = [
        f'{name}/{number:03}.jpg {label}'
        for label, name in enumerate('dcba')
        for number in range(dict(a=1, b=2, c=4, d=6)[name])
    ]
    (root / 'test.txt').write_text('\n'.join(lines))
    error = tested(
        checkpoint(), f'test_dataloader.dataset.ann_file={root}/test.txt'
    )
    assert "images of folder 'd' have label 0, but" in error
    assert 'was trained with 3 for it' in error


@pytest.mark.slow
def test_reliability_and_probes(command, images, checkpoint, tmp_path):
    images(b=3, c=3, d=3)
    images('train', b=6, c=6, d=6)
    path = checkpoint()
    argv = [CONFIG, path, '--work-dir', tmp_path / 'work', *tiny(tmp_path)]
    out = ['--out', tmp_path / 'out.png']
    command('reliability_diagram', *argv, *out).fine()
    numbers = json.loads((tmp_path / 'out.json').read_text())['as_trained']
    # softmax of a single 1 among three 0, and a third of the images is c.
    p = torch.eye(4)[ALWAYS].softmax(0).double()
    nll = -(p[1].log() + p[2].log() + p[3].log()) / 3
    assert numbers['nll'] == pytest.approx(nll.item(), abs=1e-4)
    other = checkpoint(('v', 'w', 'x', 'y', 'z'))
    for tool in ('reliability_diagram', 'probe_stages'):
        argv = [CONFIG, other, '--work-dir', tmp_path / 'w', *tiny(tmp_path)]
        error = command(tool, *argv, '--out', tmp_path / 'o.png').error
        assert f'{other}: was trained on 5 classes' in error
    assert 'pass --other-classes' in error
    probes = ['--out', tmp_path / 'stages', '--neighbors', 3]
    argv = ['--other-classes', *probes, *tiny(tmp_path)]
    command('probe_stages', CONFIG, other, '--embedding', 'pca', *argv).fine()


def test_a_teacher_of_as_many_other_classes(
    command, images, checkpoint, tmp_path
):
    sizes = dict(a=2, b=2, c=2, d=2)
    images('train', **sizes)
    images('test', **sizes)
    config = tmp_path / 'teacher.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\nmodel = dict(backbone=dict(base_channels=8), "
        'head=dict(in_channels=64, num_classes=4))\n'
    )

    def trained(path):
        more = dict(
            model__teacher__type='Teacher',
            model__teacher__config=config,
            model__teacher__checkpoint=path,
            model__supervisions__kd__type='LogitDistillation',
        )
        work_dir = ['--work-dir', tmp_path / 'run']
        return command('train', CONFIG, *work_dir, *tiny(tmp_path, **more))

    error = trained(checkpoint(('b', 'c', 'd', 'a'))).error
    assert 'error: teacher teacher of ' in error
    assert 'was trained on 4 classes, train_dataloader.dataset has 4' in error
    (setting,) = re.findall(r'set (train_\S+)', error)
    assert setting.endswith('''classes="('b','c','d','a')"''')
    assert not list(tmp_path.rglob('run/*.pth'))
    trained(checkpoint()).fine()
    trained(checkpoint(None)).fine()


# Labels in files, against the folders of validation.
@pytest.fixture
def listed(command, images, tmp_path):
    sizes = dict(a=4, b=4, c=4, d=4)
    images('train', **sizes)
    images('test', **sizes)

    def run(labels, *settings, **more):
        lines = [
            f'{name}/{number:03}.jpg {label}'
            for name, label in labels.items()
            for number in range(sizes[name])
        ]
        path = tmp_path / 'list.txt'
        path.write_text('\n'.join(lines))
        work_dir = ['--work-dir', tmp_path / 'run']
        more['train_dataloader__dataset__ann_file'] = path
        return command(
            'train', CONFIG, *work_dir, *tiny(tmp_path, **more), *settings
        )

    return run


def test_labels_that_start_at_one(listed):
    labels = dict(a=1, b=2, c=3, d=4)
    error = listed(labels).error
    assert 'the labels start at 1 and not at 0: set first_label=1' in error
    # Where the head has room for one more, the folders tell.
    error = listed(labels, model__head__num_classes=5).error
    assert "4 of 4 images of folder 'a' have label 1, but validation" in error
    assert 'its labels start at 1' in error
    (setting,) = re.findall(r'set (train_\S+)', error)
    listed(labels, setting).fine()


def test_labels_in_another_order(listed, tmp_path):
    labels = dict(a=3, b=1, c=0, d=2)
    error = listed(labels).error
    assert "4 of 4 images of folder 'a' have label 3, but validation" in error
    settings = shlex.split(error.partition('; set ')[2])
    assert len(settings) == 3
    listed(labels, *settings).fine()
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=False)
    assert saved['meta']['dataset_meta']['classes'] == ('c', 'b', 'd', 'a')


@pytest.mark.slow
def test_labels_that_are_right(listed):
    listed(dict(a=0, b=1, c=2, d=3)).fine()
