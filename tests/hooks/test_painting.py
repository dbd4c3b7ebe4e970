"""Painted predictions do not overwrite each other."""

import logging
from types import SimpleNamespace

import pytest
from mmengine.visualization import Visualizer

from cds_mm.hooks import PaintingHook


class Painter:
    """Notes where it would write, as the hosts' painters are called."""

    def __init__(self):
        self.files = []

    def add_datasample(self, name, image, data_sample=None, out_file=None):
        self.files.append(out_file)

    def visualize_cls(self, image, data_sample, out_file=None, name=''):
        self.files.append(out_file)


@pytest.fixture
def paint(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    painter = Painter()
    monkeypatch.setattr(Visualizer, 'get_current_instance', lambda: painter)

    def run(paths, call):
        records = [{'img_path': str(path)} if path else {} for path in paths]
        dataset = type(
            'Data',
            (),
            dict(
                __len__=lambda self: len(records),
                get_data_info=lambda self, i: records[i],
            ),
        )()
        runner = SimpleNamespace(
            test_dataloader=SimpleNamespace(dataset=dataset),
            logger=logging.getLogger('painting'),
        )
        hook = PaintingHook(str(tmp_path / 'shown'))
        hook.before_test(runner)
        for number, record in enumerate(records):
            call(painter, record, f'elsewhere/{number}.png')
        hook.after_test(runner)
        assert not vars(painter).keys() - {'files'}
        names = [p.removeprefix(f'{tmp_path}/shown/') for p in painter.files]
        return names, caplog.messages[-1]

    return run


def boxes(painter, sample, out_file):
    painter.add_datasample('x', None, data_sample=sample, out_file=out_file)


def classes(painter, sample, out_file):
    painter.visualize_cls(
        image=None, data_sample=sample, out_file=out_file, name='x'
    )


@pytest.mark.parametrize('call', [boxes, classes])
def test_equal_names_of_several_folders(paint, call, tmp_path):
    paths = [tmp_path / 'd' / c / '0.jpg' for c in ('ant', 'bee')]
    names, said = paint(paths, call)
    assert names == ['ant__0.jpg.png', 'bee__0.jpg.png']
    assert said == f'2 painted images are in {tmp_path}/shown'


def test_one_folder(paint, tmp_path):
    names, _ = paint([tmp_path / 'a.png', tmp_path / 'a.jpg'], boxes)
    assert names == ['a.png.png', 'a.jpg.png']


def test_a_data_set_of_arrays(paint):
    names, _ = paint([None, None], classes)
    assert names == ['0.png', '1.png']
