"""The classifier: its losses, its gradients, and what inference is."""

import copy
import math

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from cds_mm.branches import stage_specs
from cds_mm.errors import UserError
from cds_mm.supervision import Supervision
from cds_mm.testing import CONFIGS, fresh_seed, samples


def model_config(name='cifar100/cds_r18_cifar100.py', **changes):
    cfg = Config.fromfile(CONFIGS / name)
    cfg.merge_from_dict({f'model.{key}': v for key, v in changes.items()})
    return cfg.model


def build(name='cifar100/cds_r18_cifar100.py', **changes):
    torch.manual_seed(fresh_seed())
    model = MODELS.build(model_config(name, **changes))
    model.init_weights()
    return model


def test_loss_names_and_magnitudes():
    model = build()
    log = model.loss(torch.randn(16, 3, 32, 32), samples([0, 0, 1, 2] * 2))
    assert list(log) == [
        'loss_ce',
        'loss_cds.stage1',
        'loss_cds.stage2',
        'loss_cds.stage3',
        'loss_cds.stage4',
        'cds.no_positive',
        'cds.no_partner',
    ]
    total, parsed = model.parse_losses(log)
    summed = sum(float(v) for k, v in log.items() if k.startswith('loss_'))
    assert float(total) == pytest.approx(summed, rel=1e-5)
    # At the start features are nearly parallel: ln(2B - 1) each.
    for stage in (1, 2, 3, 4):
        value = float(log[f'loss_cds.stage{stage}'])
        assert value == pytest.approx(0.1 * math.log(15), rel=0.4)


@pytest.mark.parametrize(
    'name',
    [
        'cifar100/cds_r18_cifar100.py',
        'cifar100/baseline_r18_cifar100.py',
        'cds_r18_in1k.py',
    ],
)
def test_every_parameter_gets_a_gradient(name):
    model = build(name)
    views = 2 if 'cds' in name else 1
    images = torch.randn(views * 4, 3, 64, 64)
    loss, _ = model.parse_losses(model.loss(images, samples([0, 1, 1, 2])))
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_inference_is_a_plain_classifier_bit_for_bit():
    model = build('cds_r18_in1k.py').eval()
    plain = copy.deepcopy(model_config('cds_r18_in1k.py'))
    plain.type = 'ImageClassifier'
    plain.pop('branches')
    plain.pop('supervisions')
    layout = getattr(torch, plain.pop('memory_format'))
    plain.backbone.out_indices = (3,)
    plain = MODELS.build(plain).eval().to(memory_format=layout)
    kept = plain.load_state_dict(model.state_dict(), strict=False)
    assert not kept.missing_keys
    assert all(key.startswith('branches.') for key in kept.unexpected_keys)
    images = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        assert torch.equal(model(images), plain(images))
        ours = model.predict(images)
        theirs = plain.predict(images)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.pred_score, b.pred_score)


def test_the_second_view_reaches_cross_entropy_through_batchnorm_alone():
    model = build()
    first, second, *others = torch.randn(4, 4, 3, 32, 32)
    labels = samples([0, 1, 2, 3])

    def cross_entropy(view):
        return float(model.loss(torch.cat([first, view]), labels)['loss_ce'])

    model.train()
    # Two may round to one number, hardly three.
    assert len({cross_entropy(view) for view in (second, *others)}) > 1
    model.eval()
    assert cross_entropy(second) == pytest.approx(
        cross_entropy(others[0]), rel=1e-6
    )


def test_only_branches_that_are_read_are_built():
    model = build(**{'supervisions.cds.branches': ('stage2', 'stage4')})
    assert sorted(model.branches) == ['stage2', 'stage4']
    assert sum(p.numel() for p in model.branches.parameters()) == 254_976
    model = build(**{'branches.stage4': None})
    assert sorted(model.branches) == ['stage1', 'stage2', 'stage3']
    assert sum(p.numel() for p in model.branches.parameters()) == 726_528
    assert not build('cifar100/baseline_r18_cifar100.py').branches


def test_a_wrong_number_of_views():
    model = build()
    with pytest.raises(UserError, match='cds needs 2 views.*gives 1'):
        model.loss(torch.randn(4, 3, 32, 32), samples([0, 1, 2, 3]))


def test_no_supervision_at_all():
    config = model_config()
    config.supervisions = {}
    with pytest.raises(Exception, match='nothing would be learned'):
        MODELS.build(config)


def test_a_supervision_may_not_be_called_loss():
    config = model_config()
    config.supervisions = {'my_loss': config.supervisions.ce}
    with pytest.raises(Exception, match='another name'):
        MODELS.build(config)


def test_an_unknown_stage():
    config = model_config()
    config.branches.stage7 = config.branches.every_stage
    with pytest.raises(Exception, match='branch on stage7'):
        MODELS.build(config)


class Widths(Supervision):
    """Keeps what it is connected to."""

    def reads(self, branches):
        return ['stage2']

    def connect(self, network, teacher=None):
        self.seen = network, teacher


def test_a_supervision_learns_the_widths_of_the_network():
    config = model_config()
    MODELS.register_module(module=Widths, force=True)
    config.supervisions.asking = dict(type='Widths')
    model = MODELS.build(config)
    network, teacher = model.supervisions.asking.seen
    assert network.stages == stage_specs(model.backbone)
    assert network.num_classes == 100
    assert teacher is None
    assert network.branches == dict.fromkeys(model.branches, 512)


@pytest.mark.parametrize('unlabelled', [0, 1])
def test_samples_without_a_label_are_unlabelled(unlabelled):
    torch.manual_seed(fresh_seed())
    model = build()
    data_samples = samples([3, 3])
    del data_samples[unlabelled].gt_label
    data = dict(
        inputs=[torch.zeros(2, 3, 32, 32, dtype=torch.uint8)] * 2,
        data_samples=data_samples,
    )
    data = model.data_preprocessor(data, training=True)
    seen = model.stage_outputs(**data)
    expected = [3, 3]
    expected[unlabelled] = -1
    assert seen.labels.tolist() == expected
