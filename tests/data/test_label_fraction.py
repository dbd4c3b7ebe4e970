"""Data sets with the labels of a fraction of their images."""

import json
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from mmengine.dataset import RepeatDataset
from mmpretrain.datasets import CIFAR100
from mmpretrain.registry import DATASETS

from cds_mm.data import check_dataset, label_split
from cds_mm.data.label_split import choose_split, read_split, write_split
from cds_mm.data.labels import dataset_labels, leaf_datasets
from cds_mm.errors import UserError

RATIOS = (0.1, 0.25, 1 / 3, 0.4, 0.7, 1.0)


def build(ann_file, **options):
    return DATASETS.build(
        dict(type='CustomDataset', ann_file=str(ann_file), **options)
    )


def fraction(ann_file, **options):
    kind = dict(type='LabelFraction', of='CustomDataset')
    return DATASETS.build(dict(ann_file=str(ann_file), **kind, **options))


def error_of(function, *args, **kwargs):
    with pytest.raises(UserError) as error:
        function(*args, **kwargs)
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.fixture
def listed(tmp_path, rng):
    """An annotation file of classes of random sizes, in a random order."""
    sizes = rng.integers(1, 60, 12)
    labels = rng.permutation(np.repeat(np.arange(12), sizes))
    path = tmp_path / 'list.txt'
    path.write_text(''.join(f'{i}.png {x}\n' for i, x in enumerate(labels)))
    return path, labels


def nearest(count, ratio):
    """The nearest whole number to a share, halves up, and 1 at least."""
    share = Fraction(ratio).limit_denominator(1000) * count
    below = share.numerator // share.denominator
    return max(1, below + (share - below >= Fraction(1, 2)))


@pytest.mark.parametrize('ratio', RATIOS)
@pytest.mark.parametrize('serialize', [True, False])
def test_the_nearest_share_of_each_class_keeps_its_label(
    ratio, serialize, listed
):
    path, labels = listed
    dataset = fraction(path, ratio=ratio, serialize_data=serialize)
    left = dataset_labels(dataset)
    assert np.array_equal(left, dataset.get_gt_labels())
    assert [
        dataset.get_data_info(i)['gt_label'] for i in range(len(left))
    ] == (left.tolist())
    assert np.isin(left, [-1, *labels]).all() and len(left) == len(labels)
    assert (left[left >= 0] == labels[left >= 0]).all()
    for label in range(12):
        wanted = nearest((labels == label).sum(), ratio)
        assert (left == label).sum() == wanted
    assert leaf_datasets(dataset) == [dataset]
    infos = [dataset.get_data_info(i) for i in range(len(left))]
    whole = build(path)
    for place, info in enumerate(infos):
        assert info['img_path'] == whole.get_data_info(place)['img_path']
        assert info['sample_idx'] == place


def test_all_labels_are_the_data_set_itself(listed):
    path, _ = listed
    whole, all_of_it = build(path), fraction(path, ratio=1.0)
    assert np.array_equal(whole.data_bytes, all_of_it.data_bytes)
    assert np.array_equal(whole.data_address, all_of_it.data_address)


def test_small_fractions_are_part_of_large_ones(listed):
    whole = build(listed[0])
    parts = [set(choose_split(whole, r, 3).labelled) for r in sorted(RATIOS)]
    for small, large in zip(parts, parts[1:], strict=False):
        assert small <= large


def test_the_choice_is_one_of_the_seed_and_no_library(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text(''.join(f'{i}.png {i % 2}\n' for i in range(40)))
    # Written down: who has a file of it must get the same in years to come.
    first = [4, 11, 30, 39]
    assert choose_split(build(path), 0.1).labelled == first
    assert choose_split(build(path), 0.1, seed=1).labelled != first
    moved = build(path, data_prefix='somewhere/else')
    assert choose_split(moved, 0.1).labelled == first


def test_names_and_not_places_choose(listed, tmp_path, rng):
    path, _ = listed
    lines = path.read_text().splitlines()
    other = tmp_path / 'other.txt'
    other.write_text('\n'.join(rng.permutation(lines)))

    def names(file):
        whole = build(file)
        chosen = choose_split(whole, 0.4).labelled
        return {whole.get_data_info(i)['img_path'] for i in chosen}

    assert names(path) == names(other)


def test_a_file_gives_the_same_labels(listed, tmp_path):
    path, _ = listed
    stored = tmp_path / 'deep' / 'labels.json'
    split = choose_split(build(path), 0.25, seed=5)
    write_split(split, stored)
    assert read_split(stored) == split
    from_file = dataset_labels(fraction(path, file=str(stored)))
    by_seed = dataset_labels(fraction(path, ratio=0.25, seed=5))
    assert np.array_equal(from_file, by_seed)
    fraction(path, file=str(stored), ratio=0.25)
    assert 'is of ratio 0.25' in error_of(
        fraction, path, file=str(stored), ratio=0.5
    )


def test_shuffled_labels_of_the_unlabelled_change_no_bit(
    listed, tmp_path, rng
):
    path, labels = listed
    split = choose_split(build(path), 0.25)
    before = fraction(path, ratio=0.25).data_bytes
    hidden = np.setdiff1d(np.arange(len(labels)), split.labelled)
    labels[hidden] = rng.permutation(labels[hidden])
    path.write_text(''.join(f'{i}.png {x}\n' for i, x in enumerate(labels)))
    # The same images keep their labels, as a file can say.
    other = replace(choose_split(build(path), 0.25), labelled=split.labelled)
    stored = tmp_path / 'labels.json'
    write_split(other, stored)
    after = fraction(path, file=str(stored)).data_bytes
    assert np.array_equal(before, after)


def test_a_file_for_other_images_is_refused(listed, tmp_path):
    path, _ = listed
    stored = tmp_path / 'labels.json'
    write_split(choose_split(build(path), 0.25), stored)
    lines = path.read_text().splitlines()
    name, _, label = lines[0].rpartition(' ')
    for changed, cause in (
        (lines[1:], f'made for {len(lines)} images of CustomDataset, and he'),
        ([f'new{name} {label}', *lines[1:]], 'other names or classes'),
        ([f'{name} {int(label) + 1}', *lines[1:]], 'other names or classes'),
        ([lines[1], lines[0], *lines[2:]], 'other names or classes'),
    ):
        path.write_text('\n'.join(changed))
        assert cause in error_of(fraction, path, file=str(stored))
    # What has no label may grow.
    path.write_text('\n'.join([*lines, 'more.png -1']))
    assert len(fraction(path, file=str(stored))) == len(lines) + 1
    damaged = json.loads(stored.read_text())
    damaged['labelled'][0] = len(lines)
    stored.write_text(json.dumps(damaged))
    assert 'made for' in error_of(fraction, path, file=str(stored))


@pytest.mark.parametrize('text', ['', '[]', '{"ratio": 1}', '\x00'])
def test_another_kind_of_file(text, listed, tmp_path):
    stored = tmp_path / 'labels.json'
    stored.write_text(text)
    message = error_of(fraction, listed[0], file=str(stored))
    assert 'labels.json: is no file of labelled images' in message


def test_what_cannot_be_a_fraction(listed, image_folder, tmp_path):
    path, _ = listed
    for ratio in (0, -0.1, 1.5, '10%', True):
        assert 'no share' in error_of(fraction, path, ratio=ratio)
    assert 'neither ratio nor file' in error_of(fraction, path)
    assert 'no such file' in error_of(fraction, path, file='gone.json')
    assert "keep='some'" in error_of(fraction, path, ratio=1.0, keep='some')
    kind = dict(type='LabelFraction', ratio=0.5)
    for of in (None, 'CIFAR7', 'LabelFraction'):
        message = error_of(DATASETS.build, dict(kind, of=of))
        assert 'is no data set; name its type' in message
    repeated = RepeatDataset(build(path), 2)
    assert 'is no data set of images' in error_of(choose_split, repeated, 0.5)
    bare = dict(kind, of='ClassFolder', data_root=image_folder('x', {'a': 1}))
    message = error_of(DATASETS.build, dict(bare, with_label=False))
    assert 'no single class' in message
    path.write_text('x.png -1\n')
    assert 'not one image' in error_of(choose_split, build(path), 0.5)


def test_configs_are_checked_before_the_data_is_read(image_folder, tmp_path):
    cfg = dict(type='LabelFraction', of='ClassFolder', ratio=0.5)
    message = error_of(check_dataset, dict(cfg, data_root='nowhere'))
    assert 'nowhere: no such folder' in message
    root = image_folder('x', {'a': 2})
    check_dataset(dict(cfg, data_root=root))
    inside = dict(type='RepeatDataset', dataset=dict(cfg, ratio=7))
    assert 'ratio=7' in error_of(check_dataset, inside)
    gone = dict(cfg, data_root=root, ratio=None, file='gone.json')
    assert 'gone.json: no such file' in error_of(check_dataset, gone)


def test_pickles_of_cifar_have_no_names(tmp_path, rng, monkeypatch):
    labels = np.repeat(np.arange(4), 10).tolist()
    base = tmp_path / CIFAR100.base_folder
    base.mkdir()
    images = rng.integers(0, 256, (40, 3072), dtype=np.uint8)
    for name in ('train', 'test'):
        content = {'data': images, 'fine_labels': labels}
        (base / name).write_bytes(pickle.dumps(content))
        monkeypatch.setattr(CIFAR100, f'{name}_list', [[name, None]])
    (base / 'meta').write_bytes(b'')
    monkeypatch.setattr(CIFAR100, 'meta', {**CIFAR100.meta, 'md5': None})
    options = dict(data_root=str(tmp_path), split='train', download=False)
    kind = dict(type='LabelFraction', of='CIFAR100', ratio=0.3)
    dataset = DATASETS.build(dict(kind, **options))
    left = dataset_labels(dataset)
    assert [int((left == label).sum()) for label in range(4)] == [3] * 4
    assert len(dataset.metainfo['classes']) == 100
    pixels = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    for place in range(40):
        image = dataset.get_data_info(place)['img']
        assert np.array_equal(image, pixels[place])


def test_a_baseline_has_the_labelled_images_alone(listed):
    path, labels = listed
    split = choose_split(build(path), 0.25)
    dataset = fraction(path, ratio=0.25, keep='labelled')
    paths = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
    whole = build(path)
    wanted = [whole.get_data_info(i)['img_path'] for i in split.labelled]
    repeats, rest = divmod(len(paths), len(wanted))
    assert paths == wanted * repeats and rest == 0
    assert repeats == -(-len(labels) // len(wanted)), 'the fewest that do'
    assert dataset_labels(dataset).min() >= 0
    assert dataset.epoch_images == len(labels)


def test_equal_hashes_leave_no_order_open(monkeypatch, listed):
    monkeypatch.setattr(label_split, '_hash', lambda seed, name: b'')
    path, labels = listed
    chosen = choose_split(build(path), 0.1).labelled
    for label in range(12):
        places = np.flatnonzero(labels == label)
        own = [place for place in chosen if labels[place] == label]
        assert own == places[: len(own)].tolist()
