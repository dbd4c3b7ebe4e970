"""The two lines that the converter prints verify under any launcher."""

import re
import sys

import pytest
import torch
from command_lines import ROOT, run_fresh
from mmengine.config import Config

from cds_mm.commands import convert_backbone
from cds_mm.testing import fresh_seed

# What MMDetection's own tools/train.py does with a config.
SCRIPT = """
import sys
from mmengine.config import Config
from mmengine.runner import Runner
for name in sys.argv[1:]:
    cfg = Config.fromfile(name)
    try:
        Runner.from_cfg(cfg).train()
    except Exception as error:
        print('REFUSED', name, type(error).__name__, error, flush=True)
    else:
        print('TRAINED', name, flush=True)
assert 'cds_mm.engine' not in sys.modules
"""
DETECTOR = """
_base_ = ['{base}']
model = dict(
    data_preprocessor=dict({preprocessor}),
    backbone=dict(base_channels=8, {init}),
    neck=dict(in_channels=[8, 16, 32, 64], out_channels=16),
    bbox_head=dict(in_channels=16, feat_channels=16, stacked_convs=1),
)
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(data_root='{data}/'),
)
val_cfg = val_dataloader = val_evaluator = None
train_cfg = dict(max_epochs=1)
work_dir = '{work_dir}'
{lines}
"""


@pytest.fixture
def converted(tmp_path, capsys):
    """A converted file, and what the converter printed."""
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS

    base = ROOT / 'configs/demo/retinanet_r18_fpn_digits.py'
    preprocessor = Config.fromfile(base).model.data_preprocessor
    backbone = dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)
    torch.manual_seed(fresh_seed())
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        network = MODELS.build(dict(backbone))
    state = network.state_dict()
    record = dict(
        format=1,
        backbone=backbone,
        channel_order='rgb' if preprocessor.bgr_to_rgb else 'bgr',
        mean=list(map(float, preprocessor.mean)),
        std=list(map(float, preprocessor.std)),
    )
    src = tmp_path / 'epoch_1.pth'
    keys = {f'backbone.{key}': value for key, value in state.items()}
    torch.save(dict(state_dict=keys, meta=dict(cds_mm=record)), src)
    convert_backbone.main([str(src), str(tmp_path / 'b.pth')])
    return base, preprocessor.bgr_to_rgb, capsys.readouterr().out


def test_the_printed_lines_verify(converted, detector_config, tmp_path):
    base, flips, printed = converted
    init = re.search(r'(init_cfg=dict\(.*\))', printed)[1]
    lines = re.findall(r'^ +(custom_\w+ = .*)$', printed, re.M)
    assert len(lines) == 2
    names = []
    for word, order in (('wrong', not flips), ('right', flips)):
        path = tmp_path / f'{word}.py'
        path.write_text(
            DETECTOR.format(
                base=base,
                init=init,
                preprocessor=f'bgr_to_rgb={order}',
                data=detector_config.parent,
                work_dir=tmp_path / word,
                lines='\n'.join(lines),
            )
        )
        names.append(path)
    done = run_fresh(sys.executable, '-c', SCRIPT, *names).fine()
    said = done.out + done.err
    assert re.search(r'REFUSED .*wrong\.py UserError .*channel order', said)
    assert re.search(r'TRAINED .*right\.py', said)
    assert 'verified, the backbone computes what was trained' in said
    readme = (ROOT / 'README.md').read_text()
    assert all(line in readme for line in lines)
