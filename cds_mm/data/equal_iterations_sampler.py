"""As many iterations on a part of a data set as on the whole."""

import math
from collections.abc import Iterator

import torch
from mmengine.dataset import BaseDataset, DefaultSampler
from mmengine.registry import DATA_SAMPLERS

from cds_mm.arguments import checked
from cds_mm.errors import UserError


@DATA_SAMPLERS.register_module()
class EqualIterationsSampler(DefaultSampler):
    """MMEngine's DefaultSampler, with epochs as long as those of the whole.

    For ``LabelFraction(keep='labelled')``, which has copies of k labelled
    images in place of the n images of the whole.  An epoch has n of them, so
    as many batches on every rank as the whole gives.  Where k does not divide
    n, each image comes floor(n/k) or ceil(n/k) times, and which come once
    more is drawn again for each epoch.  The places of copies differ, and with
    them their augmentation.

    Args:
        dataset: what ``LabelFraction`` gives.
        **kwargs: as in :class:`mmengine.dataset.DefaultSampler`.

    Raises:
        UserError: the data set does not say how many images the whole has.
    """

    @checked
    def __init__(self, dataset: BaseDataset, **kwargs):
        super().__init__(dataset, **kwargs)
        if not hasattr(dataset, 'epoch_images'):
            raise UserError(
                f'EqualIterationsSampler: {type(dataset).__name__} is no '
                "part of another data set; use type='LabelFraction', or the "
                'DefaultSampler'
            )
        self.num_samples = math.ceil(dataset.epoch_images / self.world_size)
        self.total_size = self.num_samples * self.world_size

    def __iter__(self) -> Iterator[int]:
        """Iterate over the places of this rank."""
        images = self.dataset.epoch_images
        distinct = self.dataset.distinct_images
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.arange(images)
        if self.shuffle:
            # Drawn first: with all labels it is the DefaultSampler's order.
            order = torch.randperm(images, generator=generator)
        complete = images // distinct * distinct
        once_more = torch.randperm(distinct, generator=generator)
        places = torch.arange(images)
        places[complete:] = complete + once_more[: images - complete]
        own = places[order].tolist()
        # All ranks have the same number: the first ones come twice.
        own *= math.ceil(self.total_size / images)
        return iter(own[self.rank : self.total_size : self.world_size])
