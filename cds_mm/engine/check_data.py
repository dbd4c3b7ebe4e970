"""All checks of a config's data, without a training."""

import contextlib
import io
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from cds_mm.data.host_folders import report_left_out
from cds_mm.data.image_scan import Scan
from cds_mm.engine.data_report import data_report
from cds_mm.engine.image_check import places_of, scan_all
from cds_mm.engine.preflight import (
    check_annotations_and_heads,
    check_data,
    check_folders,
)
from cds_mm.engine.readable_errors import readable_errors

SPLITS = ('train', 'val', 'test')


class DataCheck:
    """Reads all annotations and images that a config names.

    Args:
        cfg: a full config.
        splits: those to look at; all that the config has, if empty.

    Raises:
        UserError: the annotations or folders are not as they should be.
    """

    def __init__(self, cfg: Config, splits: tuple[str, ...] = ()):
        self._cfg = cfg
        given = splits or SPLITS
        self.splits = tuple(
            split for split in given if cfg.get(f'{split}_dataloader')
        )
        check_data(cfg, self.splits)
        self._annotations = check_annotations_and_heads(cfg, self.splits)
        self._found = self._built()
        self.scans: list[Scan] = scan_all(self._found, limit=None)

    def broken(self) -> list[str]:
        """A line for each file that is missing or no image."""
        lines = []
        for (place, _), scan in zip(self._found, self.scans, strict=True):
            lines += [f'{place}: {path}: missing' for path in scan.missing]
            lines += [
                f'{place}: {path}: {cause}' for path, cause in scan.unreadable
            ]
        return lines

    def report(self) -> dict[str, dict]:
        """What the data sets hold.

        Raises:
            UserError: files are missing or broken, or of another size.
        """
        return data_report(
            self._cfg, self._found, self.scans, self._annotations
        )

    def _built(self) -> list[tuple[str, Any]]:
        scope = self._cfg.get('default_scope') or 'mmpretrain'
        found: list[tuple[str, Any]] = []
        with (
            readable_errors(self._cfg),
            # COCO's API prints how it gets on.
            contextlib.redirect_stdout(io.StringIO()),
            DefaultScope.overwrite_default_scope(scope),
        ):
            for split in self.splits:
                settings = self._cfg[f'{split}_dataloader'].dataset
                dataset = DATASETS.build(settings)
                report_left_out(dataset)
                check_folders(self._cfg, split, dataset)
                found += places_of(self._cfg, split, dataset)
        return found
