"""A metric counts every annotation of its file, or the run is refused."""

import copy
import json
import shutil

import numpy as np
import pytest
from herds import ANIMALS, config, pasted, save, write_herd
from mmengine.registry import METRICS
from refusals import refusal
from test_named import build, by_hand, guesses, judged

from cds_mm.coco import check_annotation_files
from cds_mm.coco.judging_file import is_matched
from cds_mm.run_warnings import warnings_so_far

HOST, COMPILED, NAMED = (
    'CocoMetric',
    'FasterCocoMetric',
    'cds_mm.NamedCocoMetric',
)


@pytest.fixture
def train(tmp_path):
    write_herd(tmp_path, 'train')
    return tmp_path


def write(root, number):
    """A val/ with other annotation ids; return its content with sound ones."""
    sound = write_herd(root, 'val', seed=4)
    content = copy.deepcopy(sound)
    for row, entry in enumerate(content['annotations']):
        entry['id'] = number(row)
    save(root, 'val', content)
    return sound


def refused(cfg, splits=('train', 'val')):
    text = refusal(check_annotation_files, cfg, splits)
    assert len(text.splitlines()) == 1
    return text


def scores(root, kind, sound):
    metric = build(METRICS, dict(type=kind, ann_file=f'{root}/val.json'))
    rng = np.random.default_rng(5)
    found = [*guesses(sound, ANIMALS, rng)]
    return judged(metric, found, ANIMALS), found


def right(root, sound, found):
    save(root, 'sound', sound)
    stats, _ = by_hand(root / 'sound.json', sound, found)
    assert 0 < stats[1] < 1
    return [round(value, 3) for value in stats[:3]]


def given(found):
    return [found[f'coco/bbox_mAP{end}'] for end in ('', '_50', '_75')]


@pytest.mark.parametrize(
    ('kind', 'number'),
    [
        (HOST, lambda row: row),
        (HOST, lambda row: f'a{row}'),
        (HOST, lambda row: row / 2),
        (HOST, lambda row: 10**400 + row),
        (COMPILED, lambda row: row),
        (COMPILED, lambda row: row - 100),
        (COMPILED, lambda row: row + 1.0),
        (COMPILED, lambda row: f'{row + 1}'),
        (COMPILED, lambda row: 2**63 + row),
    ],
)
def test_ids_that_do_not_count(train, kind, number):
    sound = write(train, number)
    cfg = config(train)
    cfg.val_evaluator.type = kind
    text = refused(cfg)
    assert f'would never be found by {kind}; number the' in text
    changed = pasted(cfg, text)
    check_annotation_files(changed, ('train', 'val'))
    found, guessed = scores(train, changed.val_evaluator.type, sound)
    assert given(found) == right(train, sound, guessed)


def test_an_id_that_changes_no_figure_is_a_warning(train):
    """As in files of thousands of boxes that are numbered from 0."""
    write(train, lambda row: row)
    path = train / 'val.json'
    content = json.loads(path.read_text())
    more = [
        dict(box, id=1_000_000 * turn + row)
        for turn in range(1, 1000)
        for row, box in enumerate(content['annotations'], 1)
    ]
    content['annotations'] += more
    path.write_text(json.dumps(content))
    check_annotation_files(config(train), ('train', 'val'))
    assert any('would never be found' in text for text in warnings_so_far())


@pytest.mark.parametrize('kind', [HOST, COMPILED])
def test_the_figure_that_would_come_out(train, kind):
    """So that a host that counts them some day is noticed."""
    sound = write(train, lambda row: row)
    found, guessed = scores(train, kind, sound)
    assert given(found)[0] < right(train, sound, guessed)[0]


@pytest.mark.parametrize(
    ('kind', 'number'),
    [
        (HOST, lambda row: row + 1),
        (HOST, lambda row: row - 100),
        (HOST, lambda row: row + 1.0),
        (HOST, lambda row: f'{row + 1}'),
        (HOST, lambda row: 2**70 + 1000 * row),
        (COMPILED, lambda row: row + 1),
        (COMPILED, lambda row: 2**60 + row),
        (NAMED, lambda row: row),
        (NAMED, lambda row: f'a{row}'),
    ],
)
def test_ids_that_count(train, kind, number):
    sound = write(train, number)
    cfg = config(train)
    cfg.val_evaluator.type = kind
    check_annotation_files(cfg, ('train', 'val'))
    found, guessed = scores(train, kind, sound)
    assert given(found) == right(train, sound, guessed)


def test_ids_that_are_not_matched():
    wanted = {1: 1, -1: 1, '3': 1, 0.0: 0, '0': 0, 'a': 0, None: 0}
    assert {key: is_matched(key) for key in wanted} == wanted


def test_what_is_not_judged_may_have_any_id(train):
    write_herd(train, 'val')

    def from_zero(root, split):
        content = json.loads((root / f'{split}.json').read_text())
        for row, entry in enumerate(content['annotations']):
            entry['id'] = row
        save(root, split, content)

    from_zero(train, 'train')
    check_annotation_files(config(train), ('train', 'val'))
    from_zero(train, 'val')
    more = dict(val_evaluator=dict(format_only=True, outfile_prefix='out'))
    check_annotation_files(config(train, **more), ('train', 'val'))
    more = dict(val_evaluator=dict(metric='proposal_fast'))
    check_annotation_files(config(train, **more), ('train', 'val'))


@pytest.mark.parametrize('large', [False, True])
@pytest.mark.parametrize('key', ['image_id', 'category_id'])
def test_ids_of_others_for_the_compiled_evaluator(train, key, large):
    section = 'images' if key == 'image_id' else 'categories'

    def changed(value):
        return value + 2**60 if large else f'{value:03d}'

    content = write_herd(train, 'val', seed=4)
    for entry in content[section]:
        entry['id'] = changed(entry['id'])
    for entry in content['annotations']:
        entry[key] = changed(entry[key])
    save(train, 'val', content)
    check_annotation_files(config(train), ('train', 'val'))
    cfg = config(train)
    cfg.val_evaluator.type = COMPILED
    text = refused(cfg)
    assert f'val.json, {section}[0]: {COMPILED} does not take the id' in text
    changed_cfg = pasted(cfg, text)
    check_annotation_files(changed_cfg, ('train', 'val'))
    found, guessed = scores(train, changed_cfg.val_evaluator.type, content)
    assert given(found) == right(train, content, guessed)


def test_ids_of_two_kinds(train):
    content = write_herd(train, 'val', seed=4)
    content['images'][0]['id'] = 'first'
    for entry in content['annotations'][:4]:
        entry['image_id'] = 'first'
    save(train, 'val', content)
    assert (
        "has ids of 'images' with quotes ('first') and without (105)"
        in refused(config(train))
    )


# Crowds


def set_crowds(root, split, rows, value=1):
    content = json.loads((root / f'{split}.json').read_text())
    for entry in content['annotations'][rows]:
        entry['iscrowd'] = value
    save(root, split, content)


@pytest.mark.parametrize('value', [1, True, 1.0])
@pytest.mark.parametrize('split', ['train', 'val'])
def test_nothing_but_crowds(tmp_path, split, value):
    write_herd(tmp_path, 'train')
    write_herd(tmp_path, 'val')
    set_crowds(tmp_path, split, slice(None), value)
    text = refused(config(tmp_path))
    assert f'of 24 annotations in {tmp_path}/{split}.json none is' in text
    assert '(left out: crowd 24)' in text
    set_crowds(tmp_path, split, slice(None), 0)
    check_annotation_files(config(tmp_path), ('train', 'val'))


def test_nothing_but_crowds_in_the_file_of_the_metric_alone(train):
    write_herd(train, 'val', seed=3)
    shutil.copy(train / 'val.json', train / 'other.json')
    set_crowds(train, 'val', slice(None))
    cfg = config(train)
    cfg.val_dataloader.dataset.ann_file = 'other.json'
    assert 'none can be judged (24 are crowds)' in refused(cfg)


def test_crowds_are_not_counted_as_used(train):
    write_herd(train, 'val')
    set_crowds(train, 'train', slice(0, 3))
    facts = check_annotation_files(config(train), ('train', 'val'))
    train_facts = facts['train_dataloader.dataset']
    assert train_facts['boxes'] == 21
    assert train_facts['boxes_left_out'] == {'crowd': 3}
    assert not warnings_so_far()


def test_most_boxes_are_crowds(train):
    write_herd(train, 'val')
    set_crowds(train, 'train', slice(0, 23))
    check_annotation_files(config(train), ('train', 'val'))
    (most, empty) = warnings_so_far()
    assert '23 of 24 boxes' in most and 'have iscrowd=1' in most
    assert 'cow, goat, horse of metainfo.classes have no box' in empty


def test_a_crowd_without_mask_is_asked_for_one(train):
    """The host loads masks of crowds, too."""
    write_herd(train, 'val')
    set_crowds(train, 'train', slice(0, 3))
    cfg = config(train)
    cfg.train_dataloader.dataset.pipeline[1].with_mask = True
    assert "has no 'segmentation' (24 in all)" in refused(cfg)
