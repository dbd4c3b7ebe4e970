"""Several views of one image, each with its own seed."""

import copy
from collections.abc import Callable

from mmcv.transforms import Compose
from mmpretrain.datasets.transforms import MultiView, RandomResizedCrop
from mmpretrain.registry import TRANSFORMS

from cds_mm.arguments import Count, Index, checked
from cds_mm.data.seeding import seed_view


@TRANSFORMS.register_module()
class SeededMultiView(MultiView):
    """MMPretrain's MultiView with one seed for each view.

    The draws of a view do not depend on the views before it.  So the first
    view of a recipe with two equals the picture of the recipe with that view
    alone, bit for bit: CDS and its cross-entropy baseline see the same.

    Args:
        transforms (list[list[dict | callable]]): one pipeline for each view.
        num_views (list[int], optional): how often each pipeline is used.
            Defaults to once each.
        first_seed (int): of the seeds of the views' global generators.  0 is
            where the sample starts: take 1 if a transform of a host before
            this one draws, too, or the first view would draw the same numbers
            again.  Operations of this package need no such care.
    """

    @checked
    def __init__(
        self,
        transforms: list[list[dict | Callable]],
        num_views: list[Count] | None = None,
        first_seed: Index = 0,
    ):
        # Built here: the host's Compose would look in the default scope.
        built = [
            Compose([_build(step) for step in pipeline])
            for pipeline in transforms
        ]
        super().__init__(built, num_views or [1] * len(built))
        self.first_seed = first_seed

    def transform(self, results: dict) -> dict:
        """Replace ``img`` (H, W, C) uint8 by the list of its views."""
        views = []
        for view, pipeline in enumerate(self.transforms):
            own = _own(results, pipeline)
            seed_view(view, self.first_seed)
            views.append(pipeline(own)['img'])
        results['img'] = views
        return results


def _own(results: dict, pipeline: Compose) -> dict:
    """A copy for one view, which may change it."""
    first = pipeline
    while isinstance(first, Compose):
        first = next(iter(first), None)
    image = results['img']
    # A crop that resizes makes an image of its own of it.
    crops = isinstance(first, RandomResizedCrop)
    return copy.deepcopy(results, {id(image): image} if crops else None)


def _build(step):
    return TRANSFORMS.build(step) if isinstance(step, dict) else step
