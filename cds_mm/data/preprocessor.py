"""The data preprocessor for one view or several."""

import torch
from mmpretrain.models import ClsDataPreprocessor
from mmpretrain.registry import MODELS

from cds_mm.errors import UserError


@MODELS.register_module()
class MultiViewDataPreprocessor(ClsDataPreprocessor):
    """MMPretrain's preprocessor that also takes a list of views.

    Views go along the batch axis, view-major: rows [0, B) are the first view
    of the B samples, rows [B, 2B) the second.  One forward pass serves all of
    them, as in the released CDS code, where the statistics of batch norm mix
    the views.

    Images reach the device as uint8, a quarter of the bytes of float32, and
    are normalised there.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack the views, move them to the device and normalise.

        Args:
            data (dict): ``inputs``, a tensor (B, C, H, W) or a list of V such
                tensors, and ``data_samples``, the B samples, if any.
            training (bool): whether batch augmentations apply.

        Returns:
            dict: ``inputs`` (V*B, C, H, W) float32, view-major, and the B
            ``data_samples``.

        Raises:
            UserError: views of several sizes, batch augmentation of several
                views, or a loader that did not stack the samples.
        """
        views = data['inputs']
        if isinstance(views, (list, tuple)) and not _is_image(views[0]):
            self._check(views, training)
            # Cast first: the views are stacked on the device, as uint8.
            data = {**data, 'inputs': torch.cat(self.cast_data(list(views)))}
        if training:
            for sample in data.get('data_samples') or []:
                if 'gt_label' not in sample:
                    # The host moves labels only where every sample has one.
                    sample.set_gt_label(-1)
        return super().forward(data, training)

    def _check(self, views, training: bool) -> None:
        if not all(isinstance(view, torch.Tensor) for view in views):
            raise UserError(
                'train_dataloader: each sample is a list of views that was '
                "not stacked; set collate_fn=dict(type='default_collate')"
            )
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


def _is_image(item) -> bool:
    """Whether an item is one image (C, H, W), as pseudo_collate gives it."""
    return isinstance(item, torch.Tensor) and item.dim() == 3
