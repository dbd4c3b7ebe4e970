"""The metafiles list every config, with results that are marked."""

import yaml

from cds_mm.experiments.cell import cell_of
from cds_mm.experiments.leaves import folders
from cds_mm.testing import CONFIGS


def test_every_config_and_every_source():
    for folder in folders():
        content = yaml.safe_load((folder / 'metafile.yml').read_text())
        names = {entry['Name'] for entry in content['Models']}
        assert names == {path.stem for path in folder.glob('*.py')}
        collections = {entry['Name'] for entry in content['Collections']}
        for entry in content['Models']:
            assert entry['In Collection'] in collections
            # What hosts take for a measurement of ours is one.
            for key, word in (('Results', 'measured'), ('Published', 'publ')):
                for result in entry.get(key, []):
                    assert result['Source'].startswith(word)


def test_cells_of_names():
    cell = cell_of('faster-rcnn_r50-cds_fpn_syncbn_1x_coco')
    assert cell.method == 'cds'
    assert cell.model == 'faster-rcnn_r50'
    assert (cell.data, cell.variant) == ('coco', 'syncbn')
    assert cell_of('dsn_r18_cifar100_sepconv').variant == 'sepconv'


def entry(folder, name):
    text = (CONFIGS / folder / 'metafile.yml').read_text()
    models = yaml.safe_load(text)['Models']
    return next(model for model in models if model['Name'] == name)


def test_two_entries_by_hand():
    assert entry('detection', 'retinanet_r50-dsn_fpn_1x_coco') == {
        'Name': 'retinanet_r50-dsn_fpn_1x_coco',
        'In Collection': 'dsn',
        'Config': 'configs/detection/retinanet_r50-dsn_fpn_1x_coco.py',
        'Description': 'RetinaNet, R50-FPN, COCO 1x, backbone pretrained '
        'with DSN.',
        'Results': [],
        'Published': [
            {
                'Task': 'Object Detection',
                'Dataset': 'COCO',
                'Metrics': {
                    'box AP': 36.3,
                    'AP S': 20.1,
                    'AP M': 40.0,
                    'AP L': 48.1,
                },
                'Source': 'published, Table 4 of the paper; not measured here',
            }
        ],
    }
    (result,) = entry('.', 'dks_r18_in1k')['Published']
    assert result['Metrics'] == {
        'Top 1 Accuracy': 71.32,
        'Top 5 Accuracy': 89.2,
    }
    # The source's column seems shifted, which nobody may read past.
    assert 'Top 5 Accuracy: in doubt' in result['Source']
