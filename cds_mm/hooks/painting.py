"""Painted predictions in one folder, none over another."""

import os
from collections.abc import Callable

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from cds_mm.arguments import checked


@HOOKS.register_module()
class PaintingHook(Hook):
    """Let ``--show-dir`` write below the folder as the images are read.

    The hosts name a painted image as its file is called, without the folder:
    ``a/0.jpg`` and ``b/0.jpg`` would be one picture.  Here their path below
    what all images have in common is part of the name, with ``__`` for
    a slash, and the folder is where the user said, for both hosts.

    Args:
        out_dir: the folder.
    """

    @checked
    def __init__(self, out_dir: str):
        self.out_dir = os.path.abspath(out_dir)
        self._written: set[str] = set()
        self._root = ''

    def before_test(self, runner: Runner) -> None:
        """Stand between the host's hook and the painter."""
        dataset = runner.test_dataloader.dataset
        self._root = _common_folder(dataset)
        self._painter = Visualizer.get_current_instance()
        paint = self._painter.add_datasample
        classified: Callable | None = getattr(
            self._painter, 'visualize_cls', None
        )

        def named(name, image, data_sample=None, **kwargs):
            self._name(data_sample, kwargs)
            return paint(name, image, data_sample=data_sample, **kwargs)

        vars(self._painter)['add_datasample'] = named
        if classified:
            vars(self._painter)['visualize_cls'] = self._naming(classified)

    def after_test(self, runner: Runner) -> None:
        """Say where they are."""
        for name in ('add_datasample', 'visualize_cls'):
            vars(self._painter).pop(name, None)
        runner.logger.info(
            f'{len(self._written)} painted images are in {self.out_dir}'
        )

    def _naming(self, paint: Callable) -> Callable:
        def named(image, data_sample, **kwargs):
            self._name(data_sample, kwargs)
            return paint(image, data_sample, **kwargs)

        return named

    def _name(self, data_sample, kwargs) -> None:
        if not kwargs.get('out_file'):
            return
        path = data_sample.get('img_path')
        if path is None:  # a data set of arrays: the host counts them
            name = os.path.basename(kwargs['out_file'])
        else:
            inside = os.path.relpath(os.path.abspath(path), self._root)
            name = inside.replace(os.sep, '__') + '.png'
        kwargs['out_file'] = os.path.join(self.out_dir, name)
        self._written.add(name)


def _common_folder(dataset) -> str:
    """The deepest folder that holds all images of a data set."""
    info = getattr(dataset, 'get_data_info', None)
    if info is None:
        return os.getcwd()
    paths = {
        os.path.dirname(os.path.abspath(path))
        for path in (info(i).get('img_path') for i in range(len(dataset)))
        if path
    }
    return os.path.commonpath(sorted(paths)) if paths else os.getcwd()
