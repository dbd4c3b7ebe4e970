"""The metafiles list every config, with results that are marked."""

import yaml

from cds_mm.rows.metafile import FOLDERS, cell_of, metafile


def test_they_are_up_to_date():
    for folder in FOLDERS:
        written = (folder / 'metafile.yml').read_text()
        assert written == metafile(folder), (
            f'{folder.name}: run tools/write_metafiles.py'
        )


def test_every_config_and_every_source():
    for folder in FOLDERS:
        content = yaml.safe_load((folder / 'metafile.yml').read_text())
        names = {entry['Name'] for entry in content['Models']}
        assert names == {path.stem for path in folder.glob('*.py')}
        collections = {entry['Name'] for entry in content['Collections']}
        for entry in content['Models']:
            assert entry['In Collection'] in collections
            for result in entry['Results']:
                assert result['Source'].startswith(('published', 'measured'))


def test_cells_of_names():
    cell = cell_of('faster-rcnn_r50-cds_fpn_syncbn_1x_coco')
    assert cell.method == 'cds'
    assert cell.model == 'faster-rcnn_r50'
    assert (cell.data, cell.variant) == ('coco', 'syncbn')
    assert cell_of('dsn_r18_cifar100_sepconv').variant == 'sepconv'
