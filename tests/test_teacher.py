"""A teacher: frozen, shared, moved, and outside of everything else."""

import copy

import pytest
import torch
import torchvision
from mmengine.model import ExponentialMovingAverage
from mmpretrain.registry import MODELS

from cds_mm.config import load_config
from cds_mm.errors import UserError
from cds_mm.losses import softened_divergence
from cds_mm.run_warnings import warnings_so_far
from cds_mm.testing import CONFIGS, fresh_seed, samples

CDS = 'cifar10/cds_r18_cifar10_folder.py'
BASELINE = 'cifar10/baseline_r18_cifar10_folder.py'
KD = dict(
    ce=dict(type='CrossEntropySupervision', weight=0.1),
    kd=dict(type='LogitDistillation', weight=0.9, temperature=4.0),
)


def model_config(name, **changes):
    cfg = load_config(str(CONFIGS / name))
    cfg.merge_from_dict({f'model.{k}': v for k, v in changes.items()})
    return {'data_preprocessor': cfg.data_preprocessor, **cfg.model}


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A CDS classifier with its branches, as a training writes it."""
    torch.manual_seed(fresh_seed())
    model = MODELS.build(model_config(CDS))
    path = tmp_path_factory.mktemp('teacher') / 'epoch_1.pth'
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


def student(checkpoint, config=BASELINE, **changes):
    teacher = dict(
        type='Teacher', config=f'configs/{config}', checkpoint=checkpoint
    )
    own = model_config(BASELINE, **changes)
    return MODELS.build({**own, 'supervisions': KD, 'teacher': teacher})


def batch():
    torch.manual_seed(fresh_seed())
    return torch.randn(4, 3, 32, 32), samples([0, 3, 3, 9])


def test_it_is_nowhere_where_the_student_is_kept(checkpoint):
    model = student(checkpoint)
    plain = MODELS.build(model_config(BASELINE))
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert len(list(model.parameters())) == len(list(plain.parameters()))
    averaged = ExponentialMovingAverage(model)
    assert averaged.module.teacher is model.teacher
    assert copy.deepcopy(model).teacher.model is model.teacher.model


def test_it_goes_with_the_student_and_stays_in_eval_mode(checkpoint):
    model = student(checkpoint).double().train()
    for parameter in model.teacher.model.parameters():
        assert parameter.dtype == torch.float64
        assert not parameter.requires_grad
    assert not any(m.training for m in model.teacher.model.modules())


def test_a_step_of_distillation(checkpoint):
    model = student(checkpoint)
    images, data_samples = batch()
    before = copy.deepcopy(model.teacher.model.state_dict())
    seen = model.stage_outputs(images, data_samples)
    assert not seen.teacher.logits.requires_grad
    log = model.loss(images, data_samples)
    assert list(log) == ['loss_ce', 'loss_kd', 'teacher.seconds']
    assert 0 < log['teacher.seconds'] < 60
    wanted = 0.9 * softened_divergence(seen.teacher.logits, seen.logits, 4.0)
    torch.testing.assert_close(log['loss_kd'], wanted)
    sum(log.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert all(p.grad is None for p in model.teacher.model.parameters())
    after = model.teacher.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_an_equal_teacher_has_nothing_to_teach(checkpoint):
    model = student(checkpoint)
    own = {
        key: value
        for key, value in model.teacher.model.state_dict().items()
        if key in model.state_dict()
    }
    model.load_state_dict(own)
    images, data_samples = batch()
    log = model.eval().loss(images, data_samples)
    assert float(log['loss_kd']) == pytest.approx(0, abs=1e-6)


def test_how_batchnorm_counts_is_one_of_two():
    with pytest.raises(Exception, match='batchnorm is one of'):
        teacher = dict(type='Teacher', config='x', checkpoint='y')
        MODELS.build(dict(teacher, batchnorm='frozen'))


def test_branches_are_there_if_its_config_has_them(checkpoint):
    images, data_samples = batch()
    model = student(checkpoint, CDS)
    seen = model.stage_outputs(images, data_samples)
    assert list(seen.teacher.branches) == [f'stage{i}' for i in range(1, 5)]
    assert model.teacher.network.branches['stage1'] == 512
    # The same file fills a teacher without branches.
    seen = student(checkpoint).stage_outputs(images, data_samples)
    assert seen.teacher.branches == {}


def torchvision_network(folder):
    torch.manual_seed(fresh_seed())
    theirs = torchvision.models.resnet18()
    path = str(folder / 'resnet18.pth')
    torch.save(theirs.state_dict(), path)
    config = 'configs/baseline_r18_in1k.py'
    return theirs, dict(type='Teacher', config=config, checkpoint=path)


def test_a_torchvision_file(tmp_path):
    theirs, config = torchvision_network(tmp_path)
    images = torch.randn(2, 3, 64, 64)
    seen = MODELS.build(config)(images, samples([0, 1]))
    wanted = theirs.eval()(images).detach()
    torch.testing.assert_close(seen.logits, wanted)


def test_statistics_of_the_batch(tmp_path):
    """As a network in train mode, whose own statistics nobody reads."""
    theirs, config = torchvision_network(tmp_path)
    teacher = MODELS.build(dict(config, batchnorm='train'))
    theirs.train().double()
    teacher.model.double()
    before = copy.deepcopy(teacher.model.state_dict())
    for _ in range(2):
        # Two views of one image, in one pass.
        images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
        seen = teacher(images, samples([0]))
        torch.testing.assert_close(seen.logits, theirs(images).detach())
    after = teacher.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    moved = theirs.bn1.running_mean - before['backbone.bn1.running_mean']
    assert moved.abs().min() > 0
    plain = MODELS.build(config)
    plain.model.double()
    own = plain(images, samples([0])).logits
    assert (own - seen.logits).norm() > 0.1 * seen.logits.norm()


def test_who_distils_cds_takes_the_statistics_of_the_batch():
    found = {
        path.stem: load_config(str(path)).model.teacher.batchnorm
        for path in CONFIGS.glob('kd/cds-kd_*.py')
    }
    assert len(found) > 5
    for name, mode in found.items():
        assert mode == ('eval' if name.endswith('_teacher-eval') else 'train')


def test_a_student_may_teach(checkpoint, tmp_path):
    """Its own teacher, and what it read of that, do not matter any more."""
    config = tmp_path / 'kd_r18_cifar10.py'
    leaf = CONFIGS / BASELINE
    config.write_text(
        f"_base_ = '{leaf}'\n"
        "model = dict(teacher=dict(type='Teacher', config='x', "
        "checkpoint='y'), supervisions=dict("
        "kd=dict(type='LogitDistillation')))\n"
    )
    teacher = dict(type='Teacher', config=str(config), checkpoint=checkpoint)
    own = model_config(BASELINE)
    model = MODELS.build({**own, 'supervisions': KD, 'teacher': teacher})
    assert list(model.teacher.model.supervisions) == ['ce']


def test_what_does_not_fit(checkpoint, tmp_path):
    with pytest.raises(Exception, match='knows 10 classes, the student 7'):
        student(checkpoint, **{'head.num_classes': 7})
    with pytest.raises(Exception, match='no such file'):
        student(str(tmp_path / 'nothing.pth'))
    half = torch.load(checkpoint)['state_dict']
    half = {k: v for k, v in half.items() if 'layer4' not in k}
    path = str(tmp_path / 'half.pth')
    torch.save(dict(state_dict=half), path)
    with pytest.raises(Exception, match='are missing'):
        student(path)
    with pytest.raises(Exception, match='was trained with mean, std'):
        other = model_config(BASELINE)
        other['data_preprocessor'] = dict(mean=[0, 0, 0], std=[1, 1, 1])
        teacher = dict(
            type='Teacher', config=f'configs/{BASELINE}', checkpoint=checkpoint
        )
        MODELS.build({**other, 'supervisions': KD, 'teacher': teacher})


def test_distillation_without_a_teacher():
    own = model_config(BASELINE)
    with pytest.raises(Exception, match='the model has no teacher') as error:
        MODELS.build({**own, 'supervisions': KD})
    assert UserError.__name__ in str(error.getrepr())


def test_a_teacher_that_nothing_learns_from_is_warned_of(checkpoint):
    student(checkpoint)
    assert not warnings_so_far()
    alone = dict(type='Teacher', config=f'configs/{BASELINE}')
    MODELS.build(
        {
            **model_config(BASELINE),
            'supervisions': dict(ce=KD['ce']),
            'teacher': dict(alone, checkpoint=checkpoint),
        }
    )
    (said,) = warnings_so_far()
    assert said.startswith('model.teacher: no supervision learns from it')
