"""Class folders one folder too deep or too high, and folders of systems."""

import re
import shutil
import unicodedata

import pytest
from mmpretrain.registry import DATASETS

from cds_mm.data.checks import check_dataset
from cds_mm.data.class_names import same_names
from cds_mm.data.folder_depth import (
    check_folder_depth,
    check_several_classes,
)
from cds_mm.errors import UserError
from cds_mm.run_warnings import warnings_so_far

PLACE = 'train_dataloader.dataset'


def built(root, kind='ClassFolder', **options):
    return DATASETS.build(dict(type=kind, data_root=str(root), **options))


def refused(dataset):
    with pytest.raises(UserError) as error:
        check_folder_depth(dataset, PLACE)
    assert '\n' not in str(error.value)
    return str(error.value)


def followed(text):
    """The setting at the end of a message."""
    found = re.search(rf'set {PLACE}\.(\w+)=(\S+)$', text)
    assert found, text
    return dict([found.groups()])


@pytest.mark.parametrize('kind', ['ClassFolder', 'CustomDataset'])
def test_one_folder_too_deep(image_folder, tmp_path, kind):
    image_folder('x/photos/jpg', {'elm': 2, 'fir': 1, 'oak': 2})
    text = refused(built(tmp_path / 'x', kind, data_prefix='photos'))
    assert f"the only class folder of {tmp_path / 'x/photos'} is 'jpg'" in text
    assert 'holds 3 folders of images (elm, fir, oak)' in text
    right = built(tmp_path / 'x', kind, **followed(text))
    check_folder_depth(right, PLACE)
    assert right.metainfo['classes'] == ('elm', 'fir', 'oak')
    # Without a root, that folder is the root.
    bare = DATASETS.build(
        dict(type=kind, data_prefix=str(tmp_path / 'x/photos'))
    )
    assert followed(refused(bare)) == dict(
        data_root=str(tmp_path / 'x/photos/jpg')
    )


def test_one_folder_too_high(image_folder, tmp_path):
    for split in ('train', 'val'):
        image_folder(f'x/{split}', {'elm': 1, 'oak': 2})
    text = refused(built(tmp_path / 'x'))
    assert 'are called train, val, which are splits' in text
    right = built(tmp_path / 'x', **followed(text))
    check_folder_depth(right, PLACE)
    assert right.metainfo['classes'] == ('elm', 'oak')


def test_the_folder_of_one_class(image_folder, tmp_path):
    image_folder('x/birds', {'emu': 2, 'owl': 2})
    with pytest.raises(UserError) as error:
        built(tmp_path / 'x/birds/emu')
    above = str(error.value).rpartition(' to ')[2]
    assert built(above).metainfo['classes'] == ('emu', 'owl')
    config = dict(
        type='CustomDataset', data_root=str(tmp_path / 'x/birds/emu')
    )
    with pytest.raises(UserError, match='one class of several') as error:
        check_dataset(config)
    assert above == str(error.value).rpartition(' to ')[2]
    # A split without folders is no class.
    image_folder('y', {'train': 2, 'test': 2})
    with pytest.raises(UserError) as error:
        built(tmp_path / 'y/train')
    assert 'one class of several' not in str(error.value)


def test_a_single_class(image_folder):
    data = built(image_folder('x', {'elm': 3}))
    check_folder_depth(data, PLACE)
    with pytest.raises(UserError, match="holds one class, 'elm', so there"):
        check_several_classes(data, PLACE)
    # One part of several classes, which the config names.
    named = built(image_folder('y', {'elm': 3}), classes=('elm', 'oak'))
    check_several_classes(named, PLACE)
    unlabelled = built(image_folder('z', {'elm': 3}), with_label=False)
    check_several_classes(unlabelled, PLACE)


def test_layouts_that_are_meant(image_folder, tmp_path):
    deep = image_folder('a', {'elm/park/2020': 1, 'elm/wood': 1, 'oak': 1})
    check_folder_depth(built(deep), PLACE)
    # The only folder of a part may have folders of its own.
    part = image_folder('b', {'elm/park': 1, 'elm/wood': 1})
    check_folder_depth(built(part, classes=('elm', 'oak')), PLACE)
    check_folder_depth(built(part, with_label=False), PLACE)
    # A class of vehicles.
    train = image_folder('c', {'train': 1, 'bus': 1})
    check_folder_depth(built(train), PLACE)
    assert not warnings_so_far()


def test_an_outer_folder_may_be_the_class(image_folder):
    root = image_folder('x', {f'{a}/{b}': 1 for a in 'pq' for b in ('k', 'm')})
    check_folder_depth(built(root), PLACE)
    (said,) = warnings_so_far()
    assert '2 class folders' in said and 'same folders (k, m)' in said


@pytest.mark.parametrize('name', ['__MACOSX', '@eaDir', '$RECYCLE.BIN'])
def test_folders_of_the_system(image_folder, tmp_path, name):
    root = image_folder('x', {'elm': 2, 'oak': 1, f'elm/{name}/0.png': 1})
    data = built(root)
    assert len(data) == 3
    # At the top too, with images or without.
    shutil.copytree(tmp_path / 'x/oak', tmp_path / 'x' / name)
    assert built(root).metainfo['classes'] == ('elm', 'oak')
    text = refused(built(root, 'CustomDataset'))
    assert f'the folder {name!r}' in text and 'type=ClassFolder' in text
    shutil.rmtree(tmp_path / 'x' / name)
    (tmp_path / 'x' / name).mkdir()
    assert len(built(root)) == 3


def test_names_that_differ_in_spelling_alone(image_folder):
    data = built(image_folder('x', {'Fig': 1, 'fig': 1, 'nut': 1}))
    check_folder_depth(data, PLACE)
    (said,) = warnings_so_far()
    assert "the class folders 'Fig' and 'fig'" in said


def test_forms_of_accents(image_folder):
    composed, apart = (
        unicodedata.normalize(form, 'açaí') for form in ('NFC', 'NFD')
    )
    assert composed != apart
    assert same_names(('elm', composed), ('elm', apart))
    root = image_folder('x', {apart: 1, 'elm': 1})
    with pytest.raises(UserError) as error:
        built(root, classes=('elm', composed))
    assert f'(folder {ascii(apart)} as {ascii(composed)})' in str(error.value)


def test_readable_names_in_another_order(image_folder):
    root = image_folder('x', {'elm': 1, 'fig': 1})
    # As many names of which none is a folder are names for the folders.
    assert len(built(root, classes=('Elm', 'Fig'))) == 2
    assert len(built(root, classes=('Ulmus', 'Ficus'))) == 2
    with pytest.raises(UserError, match=r"\(folder 'elm' as 'Elm'\)"):
        built(root, classes=('Fig', 'Elm'))
