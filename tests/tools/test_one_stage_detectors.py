"""RTMDet-s and YOLOX-s: pretrained here, converted, proven, trained."""

import numpy as np
import pytest
import torch
from command_lines import ROOT
from conftest import write_scenes
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from cds_mm.checkpoint import Options, convert, record_from_config
from cds_mm.config import load_config
from cds_mm.config.network_input import input_of
from cds_mm.experiments.leaves import table_leaves
from cds_mm.testing import CONFIGS, fresh_seed, samples

LEAVES = {
    'rtmdet_s-cds_8xb32-300e_coco': 'cds_cspnext-s_folder',
    'yolox_s-cds_8xb8-300e_coco': 'cds_cspdarknet-s_folder',
}
SCENES = """
_base_ = ['{leaf}']
model = dict(backbone=dict(init_cfg=dict(checkpoint='{file}')))
_data = dict(type='CocoDataset', data_root='{data}/')
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(_delete_=True, **_data, ann_file='train.json',
                 data_prefix=dict(img='train/'), metainfo={classes},
                 pipeline=_base_.{pipeline}),
)
val_dataloader = None
val_evaluator = None
val_cfg = None
test_dataloader = None
test_evaluator = None
test_cfg = None
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
custom_hooks = []
"""


@pytest.fixture
def trained(tmp_path):
    """A step of a pretraining, as its checkpoint has it."""

    def make(leaf):
        torch.manual_seed(fresh_seed())
        init_default_scope('mmpretrain')
        cfg = load_config(str(CONFIGS / f'{LEAVES[leaf]}.py'))
        cfg.model.data_preprocessor = cfg.data_preprocessor
        network = MODELS.build(cfg.model)
        network.init_weights()
        images = torch.randn(8, 3, 64, 64)
        losses = network.loss(images, samples([0, 1, 1, 2]))
        network.parse_losses(losses)[0].backward()
        torch.optim.SGD(network.parameters(), 0.01).step()
        record = record_from_config(cfg, network.data_preprocessor)
        path = tmp_path / 'epoch_90.pth'
        meta = {'cds_mm': record.to_dict()}
        torch.save(dict(state_dict=network.state_dict(), meta=meta), path)
        return path

    yield make
    for path in tmp_path.glob('*.pth'):
        path.unlink()


@pytest.mark.parametrize('leaf', LEAVES)
def test_what_was_pretrained_is_what_the_detector_computes(
    leaf, trained, tmp_path
):
    config = CONFIGS / 'detection' / f'{leaf}.py'
    src = trained(leaf)
    before = torch.load(src, weights_only=True)['state_dict']
    found = convert(
        src, tmp_path / 'b.pth', Options(detector=load_config(str(config)))
    )
    assert found.proof is not None and not found.notes
    state = torch.load(found.path, weights_only=True)['state_dict']
    kept = {k: v for k, v in before.items() if k.startswith('backbone.')}
    assert {f'backbone.{key}' for key in state} == kept.keys()
    assert all(torch.equal(state[k[9:]], kept[k]) for k in kept)


@pytest.mark.parametrize('leaf', LEAVES)
def test_the_pretraining_sees_what_the_detector_sees(leaf):
    (detector,) = (one for one in table_leaves() if one.stem == leaf)
    assert (
        LEAVES[leaf]
        in detector.settings['model']['backbone']['init_cfg']['checkpoint']
    )
    theirs = input_of(load_config(str(detector.path)))
    for method in ('cds', 'baseline'):
        name = LEAVES[leaf].replace('cds', method)
        assert input_of(load_config(str(CONFIGS / f'{name}.py'))) == theirs
    assert theirs['channel_order'] == 'bgr'


@pytest.mark.slow
@pytest.mark.parametrize('leaf', LEAVES)
def test_the_detector_trains_on_it(leaf, trained, command, tmp_path):
    rng = np.random.default_rng(fresh_seed())
    write_scenes(tmp_path, 'train', 4, rng)
    file = convert(trained(leaf), tmp_path / 'b.pth').path
    config = tmp_path / 'tiny.py'
    rtmdet = 'rtmdet' in leaf
    classes = dict(classes=tuple(map(str, range(10))))
    config.write_text(
        SCENES.format(
            leaf=ROOT / 'configs/detection' / f'{leaf}.py',
            file=file,
            data=tmp_path,
            classes=classes,
            pipeline='train_pipeline_stage2' if rtmdet else 'test_pipeline',
        )
    )
    done = command(
        'train', config, '--work-dir', tmp_path / 'w',
        '--cfg-options', 'model.bbox_head.num_classes=10',
    ).fine()  # fmt: skip
    assert 'verified, the backbone computes what was trained' in done.out
    assert '[1][2/2]' in done.out
