"""Few labels from the command line: the file, and runs on it."""

import json

import pytest
from command_lines import CLASSES, CONFIG, ROOT, tiny

SEMI = ROOT / 'configs' / 'semi'


@pytest.fixture(scope='module')
def stored(command, folder, tmp_path_factory):
    """One labelled image of eight of each class."""
    path = tmp_path_factory.mktemp('labels') / 'few.json'
    root = f'train_dataloader.dataset.data_root={folder}'
    words = ('--ratio=0.1', '--seed=3', '--cfg-options', root)
    done = command('label_fraction', CONFIG, path, *words).fine()
    assert f'{path}: 4 of 32 images of ClassFolder' in done.out
    assert len(json.loads(path.read_text())['labelled']) == len(CLASSES)
    return path


@pytest.mark.parametrize(
    'method, said',
    [
        ('cds-semi', '4 of 32 training images are labelled'),
        ('baseline', '4 of 32 training images are labelled, the others left'),
    ],
)
def test_a_run_whose_batches_have_labels_or_not(
    method, said, command, folder, stored, tmp_path
):
    few = dict(
        train_dataloader__dataset__file=stored,
        # Eight batches, so that four or more are without a label.
        train_dataloader__batch_size=4,
    )
    done = command(
        'train',
        SEMI / f'{method}_r18_cifar10_folder_10pct.py',
        '--work-dir',
        tmp_path,
        *tiny(folder, **few),
    ).fine()
    assert said in done.out
    assert 'Epoch(train) [1][8/8]' in done.out
    assert (tmp_path / 'epoch_1.pth').is_file()


def test_a_file_for_other_images_costs_one_line(
    command, folder, stored, tmp_path
):
    few = dict(
        train_dataloader__dataset__file=stored,
        train_dataloader__dataset__split='test',
    )
    done = command(
        'train',
        SEMI / 'cds-semi_r18_cifar10_folder_10pct.py',
        '--work-dir',
        tmp_path,
        *tiny(folder, **few),
    )
    assert 'few.json: was made for 32 images' in done.error
