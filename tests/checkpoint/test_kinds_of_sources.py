"""More kinds of checkpoints: each converts, or one line says how."""

import json
import pickle
import re

import pytest
import torch
from refusals import refusal
from safetensors.torch import save_file

from cds_mm.checkpoint import Options, convert
from cds_mm.checkpoint.rewrite import rewrite
from cds_mm.errors import UserError

CONFIG = 'mmpretrain::resnet/resnet18_8xb32_in1k.py'
OTHER = torch.zeros(3, 3, 1, 1)


@pytest.fixture
def bare(resnet):
    state = resnet('resnet18').state_dict()
    return {k: v for k, v in state.items() if not k.startswith('fc.')}


@pytest.fixture
def converted(tmp_path, bare):
    """Converts, and sees that the weights are the right ones."""

    def check(path, **options):
        options = Options(config=CONFIG, **options)
        done = convert(path, tmp_path / 'out.pth', options)
        state = torch.load(done.path, weights_only=True)['state_dict']
        assert state.keys() == bare.keys()
        assert all(torch.equal(state[k], bare[k]) for k in bare)

    return check


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def of_a_torchvision_detector(bare):
    fpn = {'backbone.fpn.inner_blocks.0.weight': OTHER}
    return under('backbone.body.', bare) | fpn | {'rpn.conv.weight': OTHER}


def of_a_detector_of_mmdetection(bare):
    more = {'neck.lateral_convs.0.conv.weight': OTHER, 'bbox_head.w': OTHER}
    return dict(state_dict=under('backbone.', bare) | more, meta={})


def of_mmselfsup(bare):
    target = under('target_net.module.0.', {k: v + 1 for k, v in bare.items()})
    more = {'neck.fc0.weight': OTHER, 'target_net.steps': torch.tensor(3)}
    return dict(state_dict=under('backbone.', bare) | target | more, meta={})


def of_averages_alone(bare):
    state = under('module.backbone.', bare) | {'steps': torch.tensor(3)}
    return dict(ema_state_dict=state)


def of_fsdp(bare):
    return dict(model=under('_fsdp_wrapped_module.', bare))


def of_nested_fsdp(bare):
    inner = {
        k.replace('layer2.0.', 'layer2._fsdp_wrapped_module.0.'): v
        for k, v in bare.items()
    }
    return dict(model=under('_fsdp_wrapped_module.', inner))


def of_activation_checkpointing(bare):
    part = 'layer2.0._checkpoint_wrapped_module.'
    return {k.replace('layer2.0.', part): v for k, v in bare.items()}


def of_vissl(bare):
    trunk = under('_feature_blocks.', bare)
    model = dict(trunk=trunk, heads={'0.weight': OTHER})
    return dict(classy_state_dict=dict(base_model=dict(model=model)))


@pytest.mark.parametrize(
    'source',
    [
        of_a_torchvision_detector,
        of_a_detector_of_mmdetection,
        of_mmselfsup,
        of_averages_alone,
        of_fsdp,
        of_nested_fsdp,
        of_activation_checkpointing,
        of_vissl,
    ],
)
def test_it_converts_as_its_message_says(source, bare, converted, tmp_path):
    src, options = tmp_path / 'src.pth', {}
    torch.save(source(bare), src)
    for _ in range(3):
        try:
            converted(src, **options)
            return
        except UserError as error:
            (flag, value) = re.findall(
                r'--(prefix|weights) (\S+?)(?=,|$)', str(error)
            )[0]
            assert flag not in options
            options[flag] = value
    raise AssertionError(options)


def test_flattened_parameters(tmp_path, converted):
    src = tmp_path / 'src.pth'
    for name in ('_fsdp_wrapped_module._flat_param', 'layer1.flat_param_0'):
        for key in ('model', 'state_dict'):
            torch.save({key: {name: torch.zeros(9)}}, src)
            assert 'FULL_STATE_DICT' in refusal(converted, src)


@pytest.fixture
def shards(tmp_path, bare):
    """A checkpoint in two files, and its list."""

    def write(suffix):
        names = [*bare]
        stem = 'model' if suffix == 'safetensors' else 'pytorch_model'
        places = {}
        for number, part in enumerate((names[:50], names[50:]), 1):
            file = f'{stem}-0000{number}-of-00002.{suffix}'
            state = {name: bare[name] for name in part}
            if suffix == 'safetensors':
                save_file(state, str(tmp_path / file))
            else:
                torch.save(state, tmp_path / file)
            places |= dict.fromkeys(part, file)
        index = tmp_path / f'{stem}.{suffix}.index.json'
        index.write_text(json.dumps(dict(weight_map=places)))
        return index

    return write


@pytest.mark.parametrize('suffix', ['safetensors', 'bin'])
def test_several_files_with_a_list(shards, converted, tmp_path, suffix):
    index = shards(suffix)
    converted(index)
    part = next(tmp_path.glob(f'*-00001-of-00002.{suffix}'))
    said = refusal(converted, part)
    assert said.endswith(f'name the list of all parts, {index}')
    part.unlink()
    assert f'{part}: no such file' in refusal(converted, index)
    index.unlink()
    assert 'is missing: copy it too' in refusal(converted, part)


def test_one_part_that_is_the_whole(bare, converted, tmp_path):
    path = tmp_path / 'model-00001-of-00001.safetensors'
    save_file(bare, str(path))
    converted(path)


def test_a_list_leads_to_no_other_folder(shards, converted, tmp_path):
    index = shards('bin')
    text = index.read_text()
    (tmp_path / 'secret.pth').touch()
    for name in (
        '../x-00001-of-00002.bin',
        '/etc/passwd',
        'secret.pth',
        'a/b-00001-of-00002.bin',
    ):
        index.write_text(
            text.replace('pytorch_model-00001-of-00002.bin', name)
        )
        assert 'is no list of the parts' in refusal(converted, index)
    for text in ('[]', '{}', '{"weight_map": {"a": 3}}', '{"weight_map":'):
        index.write_text(text)
        assert 'is no list of the parts' in refusal(converted, index)


def test_a_list_with_more_than_its_files(shards, converted):
    index = shards('bin')
    content = json.loads(index.read_text())
    file = next(iter(content['weight_map'].values()))
    content['weight_map']['lost.weight'] = file
    index.write_text(json.dumps(content))
    assert '1 tensors that it lists' in refusal(converted, index)


def test_a_distributed_checkpoint_of_torch(bare, converted, tmp_path):
    from torch.distributed.checkpoint import FileSystemWriter, save
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

    folder, file = tmp_path / 'dcp', tmp_path / 'one.pth'
    save(dict(model=bare), storage_writer=FileSystemWriter(folder))
    said = refusal(converted, folder)
    assert f'dcp_to_torch {folder} FILE.pth' in said
    dcp_to_torch_save(folder, file)  # what that command calls
    converted(file)


def names_of_detectron2(state):
    """Written out by hand for a block of each kind."""
    stages = dict(layer1='res2', layer2='res3', layer3='res4', layer4='res5')
    found = {}
    for key, value in state.items():
        first, _, rest = key.partition('.')
        if first in ('conv1', 'bn1'):
            norm = '.norm' if first == 'bn1' else ''
            found[f'stem.conv1{norm}.{rest}'] = value
            continue
        number, layer, last = rest.split('.', 2)
        if layer == 'downsample':
            index, last = last.split('.')
            layer = 'shortcut' if index == '0' else 'shortcut.norm'
        elif layer.startswith('bn'):
            layer = f'conv{layer[2]}.norm'
        found[f'{stages[first]}.{number}.{layer}.{last}'] = value
    return found


@pytest.mark.parametrize('prefix', ['', 'backbone.bottom_up.'])
def test_a_pickle_of_detectron2(bare, tmp_path, prefix):
    """Whose BatchNorm has no counters."""
    kept = {k: v for k, v in bare.items() if 'tracked' not in k}
    state = under(prefix, names_of_detectron2(kept))
    arrays = {key: value.numpy() for key, value in state.items()}
    src, plain = tmp_path / 'model_final.pkl', tmp_path / 'plain.pth'
    with src.open('wb') as file:
        pickle.dump(dict(model=arrays, __author__='someone'), file)
    options = Options(config=CONFIG)
    said = refusal(convert, src, tmp_path / 'o.pth', options)
    assert 'plain pickle' in said and '--rewrite' in said
    rewrite(src, plain)
    if prefix:
        said = refusal(convert, plain, tmp_path / 'o.pth', options)
        options.prefix = re.search(r'--prefix (\S+)', said)[1]
    done = convert(plain, tmp_path / 'o.pth', options)
    found = torch.load(done.path, weights_only=True)['state_dict']
    assert all(torch.equal(found[key], kept[key]) for key in kept)


def test_a_pickle_that_runs_code_is_not_opened(tmp_path):
    class Bad:
        def __reduce__(self):
            return (open, (str(tmp_path / 'marker'), 'w'))

    src = tmp_path / 'a.pkl'
    src.write_bytes(pickle.dumps(dict(model=Bad())))
    refusal(convert, src, tmp_path / 'o.pth', Options(config=CONFIG))
    assert not (tmp_path / 'marker').exists()
