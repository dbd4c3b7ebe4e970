"""The data preprocessor for one view or several."""

import torch
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS, TRANSFORMS
from torch import Tensor

from cds_mm.arguments import checked
from cds_mm.config import differing_views
from cds_mm.data.draws import Draws
from cds_mm.data.operation import ImageOperation
from cds_mm.data.seeding import DRAW_KEY
from cds_mm.errors import UserError

_NOT_STACKED = (
    'train_dataloader: images or views were not stacked into batches; set '
    "collate_fn=dict(type='default_collate')"
)


@MODELS.register_module()
class MultiViewDataPreprocessor(ClsDataPreprocessor):
    """MMPretrain's preprocessor that also takes a list of views.

    Views go along the batch axis, view-major: rows [0, B) are the first view
    of the B samples, rows [B, 2B) the second.  One forward pass serves all of
    them, as in the released CDS code, where the statistics of batch norm mix
    the views.

    Images reach the device as uint8, a quarter of the bytes of float32, and
    are normalised there.

    Args:
        views (list[list[dict]], optional): the end of each view, operations
            (:class:`cds_mm.data.ImageOperation`) that are done on the device
            for a whole batch in training, e.g. ``[[],
            [dict(type='RGBGrayscale', prob=0.2)]]``.  One image of each
            sample serves all views where the loader gives one.  What they
            draw follows from each sample's key, which
            :class:`cds_mm.hooks.SampleSeedHook` has put there; without one
            from PyTorch's generator.
        **kwargs: as of the parent.
    """

    @checked
    def __init__(self, views: list[list[dict]] | None = None, **kwargs):
        super().__init__(**kwargs)
        # From pinned memory; the host knows the switch, but not here.
        self._non_blocking = True
        self.views = [
            [_operation(step, f'views.{view}.{n}') for n, step in enumerate(v)]
            for view, v in enumerate(views or ())
        ]

    # Draws are exact integer arithmetic of NumPy, which Dynamo cannot trace.
    @torch.compiler.disable
    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack the views, move them to the device and normalise.

        Args:
            data (dict): ``inputs``, a tensor (B, C, H, W) or a list of V such
                tensors, and, if any, ``data_samples``, the B samples, and
                ``draw_key`` (B,) or (B, V) int64.
            training (bool): whether batch augmentations apply.

        Returns:
            dict: ``inputs`` (V*B, C, H, W) float32, view-major, and the B
            ``data_samples``.

        Raises:
            UserError: views of several sizes, batch augmentation of several
                views, or a loader that did not stack the samples.
        """
        views = data['inputs']
        if training and self.views:
            views = self._on_device(views, data.get(DRAW_KEY))
            self._check(views, training)
            views = _rows(views)
        elif isinstance(views, (list, tuple)) and not _is_image(views[0]):
            self._check(views, training)
            # Cast first: the views are stacked on the device, as uint8.
            views = torch.cat(self.cast_data(list(views)))
        data = {**data, 'inputs': views}
        if training:
            for sample in data.get('data_samples') or []:
                if 'gt_label' not in sample:
                    # The host moves labels only where every sample has one.
                    sample.set_gt_label(-1)
        return super().forward(data, training)

    def _on_device(self, images, keys: Tensor | None) -> list[Tensor]:
        """The views, after the operations that are done here."""
        if isinstance(images, Tensor):
            images = [self.cast_data(images)] * len(self.views)
        elif not all(_is_batch(view) for view in images):
            raise UserError(_NOT_STACKED)
        if len(images) != len(self.views):
            raise UserError(differing_views(len(self.views), len(images)))
        if keys is None:
            keys = torch.randint(2**62, (len(images[0]),))
        # An operation may change what it gets, and others have the batch too.
        images = [self.cast_data(view).clone() for view in images]
        for number, steps in enumerate(self.views):
            # Of the loader's views each has stopped at a key of its own.
            split = keys.dim() > 1
            draws = Draws(keys[:, number]) if split else Draws(keys, number)
            for step in steps:
                images[number] = step.on_batch(images[number], draws)
        return images

    def _check(self, views, training: bool) -> None:
        if not all(isinstance(view, torch.Tensor) for view in views):
            raise UserError(_NOT_STACKED)
        shapes = [tuple(view.shape) for view in views]
        if len(set(shapes)) > 1:
            raise UserError(
                f'views differ in shape, {shapes}, and cannot go through one '
                'forward pass; let every view end in the same crop size'
            )
        if training and self.batch_augments is not None and len(views) > 1:
            raise UserError(
                'data_preprocessor.batch_augments mixes labels, which '
                f'{len(views)} views of a sample cannot share; remove it, or '
                'train with one view'
            )


def _operation(step: dict, key: str) -> ImageOperation:
    built = TRANSFORMS.build(step)
    if not isinstance(built, ImageOperation):
        raise UserError(
            f'data_preprocessor.{key}: {type(built).__name__} works on single '
            'images; move it, and what is before it in its view, to '
            'train_dataloader.dataset.pipeline'
        )
    return built


def _rows(views: list[Tensor]) -> Tensor:
    """(V*B, 3, H, W) float32 of (B, 3, H, W) uint8 or float32."""
    size = len(views[0])
    # Planes apart, also where one view was never a float.
    rows = views[0].new_empty(
        (size * len(views), *views[0].shape[1:]), dtype=torch.float32
    )
    for part, view in zip(rows.split(size), views, strict=True):
        part.copy_(view)
    return rows


def _is_batch(item) -> bool:
    return isinstance(item, Tensor) and item.dim() == 4


def _is_image(item) -> bool:
    """Whether an item is one image (C, H, W), as pseudo_collate gives it."""
    return isinstance(item, torch.Tensor) and item.dim() == 3
