"""What a built loader does that its config does not show, and its views."""

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop, Runner

from cds_mm.config.mixed_views import check_done_once, doubtful_views
from cds_mm.data.built_loader import (
    check_batch_size,
    drawing_sampler,
    enlarged_crops,
    never_ends,
)
from cds_mm.data.named_collate import name_odd_images
from cds_mm.run_warnings import warn
from cds_mm.supervision.needed_views import check_views


@HOOKS.register_module()
class LoaderCheckHook(Hook):
    """Look at the training loader before the first step.

    - The data gives as many views as the model needs.
    - A sampler that builds batches builds those of the loader's size.
    - A batch of images of several sizes names one that differs.
    - No view is cropped, say, in the loader and on the device; views whose two
      parts are no pair are warned of.
    - Files that are decoded too small for their crops are warned of.
    - In a loop by iteration the sampler is endless, or a warning says what
      its passes repeat.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Look at it.

        Raises:
            UserError: another number of views, an operation that is done
                twice, or batches of two sizes.
        """
        check_views(runner.model, runner.cfg)
        check_done_once(runner.cfg)
        loader = runner.train_dataloader
        name_odd_images(loader)
        check_batch_size(loader)
        for line in (
            *enlarged_crops(loader.dataset),
            *doubtful_views(runner.cfg),
        ):
            warn(line, runner.logger)
        by_iter = isinstance(runner.train_loop, IterBasedTrainLoop)
        sampler = drawing_sampler(loader)
        # A pass of another kind comes to an end, and workers start to count
        # their batches again.
        if by_iter and loader.num_workers and not never_ends(sampler):
            warn(
                f'train_dataloader.sampler: {type(sampler).__name__} in a '
                'loop by iteration repeats the augmentation with each pass, '
                'and a resumed run may see other pictures; use '
                'InfiniteSampler',
                runner.logger,
            )

    def before_val(self, runner: Runner) -> None:
        """Let its batches name the image that does not fit."""
        name_odd_images(runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """The same."""
        name_odd_images(runner.test_dataloader)
