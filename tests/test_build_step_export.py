"""From a real config to a backbone file, with nothing changed but size."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert, read_checkpoint
from cds_mm.engine.build import build_runner
from cds_mm.errors import UserError
from cds_mm.testing import CONFIGS, class_folder, fresh_seed, shrink

CLASSES = {'a': 3, 'b': 3, 'c': 3, 'd': 3, 'e': 3}
DETECTOR = str(CONFIGS / 'demo' / 'faster-rcnn_r18_fpn_digits.py')
SAMPLE = {
    'cds_r18_in1k.py': None,
    'cifar100/cds_r18_cifar100.py': None,
    'demo/cds_r18_digits.py': DETECTOR,
    'demo/baseline_r18_digits_16e.py': DETECTOR,
}
AS_RELEASED = 'cds_r50_in1k_as-released.py'


def train(name, work_dir):
    with class_folder(CLASSES, side=48, seed=fresh_seed()) as root:
        cfg = shrink(Config.fromfile(CONFIGS / name), root, image_size=64)
        cfg.work_dir = str(work_dir)
        cfg.launcher = 'none'
        runner = build_runner(cfg)
        runner.train()
    return cfg, work_dir / 'epoch_1.pth'


def step_and_export(name, tmp_path, **options):
    cfg, trained = train(name, tmp_path)
    exported = tmp_path / 'backbone.pth'
    convert(str(trained), str(exported), Options(**options))
    init_default_scope('mmpretrain')
    plain = MODELS.build(cfg.model.backbone)
    plain.load_state_dict(read_checkpoint(exported)['state_dict'])
    state = read_checkpoint(trained)['state_dict']
    for key, tensor in plain.state_dict().items():
        assert torch.equal(tensor, state[f'backbone.{key}']), key
    # One step has been counted, so that this is no fresh network.
    assert plain.state_dict()['bn1.num_batches_tracked'] > 0


@pytest.mark.parametrize('name', SAMPLE)
def test_a_sample(name, tmp_path):
    step_and_export(name, tmp_path, detector=SAMPLE[name])


@pytest.mark.slow
def test_the_network_as_released(tmp_path):
    stock = str(CONFIGS / 'detection/retinanet_r50-cds_fpn_1x_coco.py')
    with pytest.raises(UserError, match='max-pool'):
        step_and_export(AS_RELEASED, tmp_path, detector=stock)
    step_and_export(AS_RELEASED, tmp_path, accept_missing_maxpool=True)


def test_shrinking_leaves_the_model():
    for name in SAMPLE:
        cfg = Config.fromfile(CONFIGS / name)
        small = shrink(cfg, 'somewhere', image_size=64)
        assert small.model == cfg.model, name
        assert "'scale': 224" not in str(small.train_dataloader), name
