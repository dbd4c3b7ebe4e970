"""A folder of the Hugging Face Hub: timm loads it, the card is honest."""

import json
import subprocess
import sys

import pytest
import torch
from command_lines import clean_environment
from mmengine.config import Config

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.exports import hugging_face
from cds_mm.checkpoint.exports.model_card import model_card
from cds_mm.checkpoint.probe_image import normalised_image, stage_features
from cds_mm.errors import UserError

timm = pytest.importorskip('timm')
hub = pytest.importorskip('huggingface_hub')

REGNET = dict(
    type='RegNet',
    arch=dict(w0=8, wa=8, wm=2.0, group_w=8, depth=7, bot_mul=1.0),
)
SETTINGS = dict(
    randomness=dict(seed=7),
    train_dataloader=dict(
        dataset=dict(
            type='RepeatDataset',
            dataset=dict(
                type='ClassFolder',
                data_root='/home/somebody/private',
                pipeline=[
                    dict(type='LoadRGBImage'),
                    dict(
                        type='MultiView',
                        num_views=[1, 1],
                        transforms=[
                            [dict(type='Crop', scale=96)],
                            [dict(type='Crop', scale=64), dict(type='Flip')],
                        ],
                    ),
                ],
            ),
        )
    ),
)
# In a process that has no cds_mm, nor MMPretrain.
ALONE = """
import sys, timm, torch
folder, images, expected = sys.argv[1:]
network = timm.create_model(
    f'local-dir:{folder}', pretrained=True, features_only=True
).eval()
with torch.no_grad():
    maps = network(torch.load(images))[-4:]
for ours, theirs in zip(maps, torch.load(expected), strict=True):
    assert (ours[0] - theirs).abs().max() <= 1e-5 * theirs.abs().max()
data = timm.data.resolve_model_data_config(network)
print(data['mean'], data['std'], 'mmengine' in sys.modules)
"""


@pytest.fixture
def source(mm_backbone, record, tmp_path):
    def make(cfg=REGNET, **changes):
        backbone = mm_backbone(**cfg)
        state = backbone.state_dict()
        trained = record(backbone=cfg, **changes)
        meta = dict(
            cds_mm=trained.to_dict(),
            cfg=Config(SETTINGS).pretty_text,
            seed=3,
            epoch=5,
            iter=70,
            dataset_meta=dict(classes=('cat', 'dog', 'owl')),
        )
        path = tmp_path / 'src.pth'
        state = {f'backbone.{key}': value for key, value in state.items()}
        torch.save(dict(state_dict=state, meta=meta), path)
        return path, backbone, trained

    return make


def test_timm_loads_it_in_another_process(source, tmp_path, run):
    src, backbone, trained = source()
    folder = tmp_path / 'new' / 'my-backbone'
    code, out, err = run(src, folder, '--target', 'hf')
    assert (code, err) == (0, '')
    assert f"timm.create_model('local-dir:{folder}', pretrained=True)" in out
    names = {path.name for path in folder.iterdir()}
    assert names == {'model.safetensors', 'config.json', 'README.md'}
    images = normalised_image(trained)
    expected = stage_features(backbone, images)
    torch.save(images, tmp_path / 'images.pth')
    torch.save([expected[n] for n in range(4)], tmp_path / 'maps.pth')
    files = [folder, tmp_path / 'images.pth', tmp_path / 'maps.pth']
    done = subprocess.run(
        [sys.executable, '-c', ALONE, *map(str, files)],
        env=clean_environment(PYTHONPATH=''),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    means = '[0.485, 0.456, 0.406] [0.229, 0.224, 0.225] False'
    assert done.stdout.strip().replace('(', '[').replace(')', ']') == means


def test_a_new_head_and_arguments_of_a_network(source, tmp_path):
    src, backbone, _ = source()
    folder = convert(src, tmp_path / 'b', Options(target='hf')).path
    config = json.loads((folder / 'config.json').read_text())
    assert config['num_classes'] == 0
    assert config['model_args']['depth'] == 7
    # Nothing of the weights that timm has under this name.
    text = json.dumps(config)
    assert not [w for w in ('url', 'tag', 'license', 'hub') if w in text]
    name = f'local-dir:{folder}'
    network = timm.create_model(name, pretrained=True, num_classes=5)
    assert network.head.fc.out_features == 5
    assert torch.equal(network.stem.conv.weight, backbone.conv1.weight)


def test_the_card_has_what_is_known(source, tmp_path):
    src, _, _ = source()
    result = convert(src, tmp_path / 'b', Options(target='hf'))
    card = hub.ModelCard.load(result.path / 'README.md')
    assert card.data.library_name == 'timm'
    assert card.data.license is None and card.data.datasets is None
    rows = dict(
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in card.text.splitlines()
        if line.startswith('| ')
    )
    assert rows['method'] == 'cds'
    assert rows['data'] == 'ClassFolder, 3 classes'
    assert rows['views'] == 'LoadRGBImage, MultiView((Crop), (Crop, Flip))'
    assert (rows['seed'], rows['epochs'], rows['iterations']) == (
        '3',
        '5',
        '70',
    )
    assert 'somebody' not in card.text
    assert json.dumps(result.record.fingerprint) in card.text
    assert 'Unknown: the checkpoint does not say under which' in card.text


def test_the_card_says_what_is_not_known(record):
    text = model_card('b', record(method=None), None, 'network', 'proof')
    for key in ('method', 'data', 'views', 'seed'):
        assert f'| {key} | unknown |' in text
    assert 'epochs' not in text


def test_a_hostile_checkpoint_writes_no_markdown(record):
    bad = 'x | y |\n\n# Title\n<script>[a](http://b)`'
    meta = dict(seed=bad, epoch=[bad], dataset_meta=dict(classes=7))
    meta['cfg'] = 'train_dataloader = dict(dataset=dict(type=[3], pipeline=9))'
    text = model_card('b', record(method=bad), meta, 'network', 'proof')
    lines = [line for line in text.splitlines() if 'Title' in line]
    assert len(lines) == 3  # method, seed and epochs: rows of a table
    assert all(line.count('|') == 3 for line in lines)
    assert not any(mark in text for mark in ('<script', '](http', 'b)`'))


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        (dict(channel_order='bgr'), 'timm feeds RGB'),
        (dict(cfg=dict(type='ResNet_CIFAR', depth=18)), 'no config of timm'),
        (dict(cfg=dict(type='ResNet', depth=50, style='caffe')), 'caffe'),
    ],
)
def test_what_a_folder_cannot_say(changes, why, record):
    from cds_mm.checkpoint import targets

    backbone = changes.pop('cfg', REGNET)
    with pytest.raises(UserError, match=f'--target hf.*{why}.*; choose'):
        targets.plan_of(record(backbone=backbone, **changes), 'hf')


def test_whole_or_not_at_all(source, tmp_path, monkeypatch):
    src, _, _ = source()

    def full(path, content):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(hugging_face, 'atomic_write', full)
    with pytest.raises(UserError, match='No space left.*nothing was left'):
        convert(src, tmp_path / 'a' / 'b', Options(target='hf'))
    assert list(tmp_path.iterdir()) == [src]


def test_a_folder_with_files_is_left_alone(source, tmp_path, run):
    src, _, _ = source()
    taken = tmp_path / 'taken'
    taken.mkdir()
    assert run(src, taken, '--target', 'hf')[0] == 0  # an empty one is fine
    before = {path: path.stat().st_mtime_ns for path in taken.iterdir()}
    code, out, err = run(src, taken, '--target', 'hf')
    assert (code, out) == (1, '') and 'with files in it' in err
    assert {p: p.stat().st_mtime_ns for p in taken.iterdir()} == before
    code, out, err = run(src, src, '--target', 'hf')
    assert code == 1 and err.count('\n') == 1
