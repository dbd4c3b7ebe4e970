"""As many iterations on a part of a data set as on the whole."""

import math

from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS

from cds_mm.errors import UserError


@DATA_SAMPLERS.register_module()
class EqualIterationsSampler(DefaultSampler):
    """MMEngine's DefaultSampler, whose epoch is as long as the whole's.

    For ``LabelFraction(keep='labelled')``, which repeats k labelled images
    until they are at least the n of the whole data set.  An epoch is the
    first n of the shuffled, so that also where k does not divide n each image
    comes floor(n/k) or ceil(n/k) times, other images more often in each
    epoch; and as many batches as with all n images come out on every rank.
    The places of repeated images differ, and with them their augmentation.

    Args:
        dataset: what ``LabelFraction`` gives.
        **kwargs: as in :class:`mmengine.dataset.DefaultSampler`.

    Raises:
        UserError: the data set does not say how many images the whole has.
    """

    def __init__(self, dataset, **kwargs):
        super().__init__(dataset, round_up=True, **kwargs)
        images = getattr(dataset, 'epoch_images', None)
        if images is None:
            raise UserError(
                f'EqualIterationsSampler: {type(dataset).__name__} is no '
                "part of another data set; use type='LabelFraction', or the "
                'DefaultSampler'
            )
        self.num_samples = math.ceil(images / self.world_size)
        self.total_size = self.num_samples * self.world_size
