"""Writes into each checkpoint what a converter must know."""

from dataclasses import replace

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from cds_mm.arguments import checked
from cds_mm.checkpoint.record import RECORD_KEY, BackboneRecord
from cds_mm.checkpoint.training_config import record_from_config
from cds_mm.distributed import unwrapped
from cds_mm.errors import UserError
from cds_mm.run_warnings import warn


@HOOKS.register_module()
class BackboneRecordHook(Hook):
    """Keeps the backbone record in ``checkpoint['meta']['cds_mm']``.

    Plain values only: the backbone's config, the channel order that the
    network sees, mean and std.  A converter then never has to evaluate
    ``meta['cfg']``, which is Python source.

    Args:
        method (str | None): The method's name; by default the first part of
            the config's name where it is one of this project, else the names
            of ``model.supervisions``.
    """

    @checked
    def __init__(self, method: str | None = None):
        self.method = method
        self._record: BackboneRecord | None = None

    def before_train(self, runner: Runner) -> None:
        """Makes the record once, and says early what it cannot tell."""
        model = unwrapped(runner.model)
        preprocessor = getattr(model, 'data_preprocessor', None)
        try:
            record = record_from_config(runner.cfg, preprocessor)
        except UserError as error:
            warn(
                f'The checkpoints will carry no backbone record: {error}.',
                runner.logger,
            )
            return
        if self.method is not None:
            record = replace(record, method=self.method)
        self._record = record
        if record.channel_order is None:
            warn(
                'The image loader in train_dataloader is unknown, so the '
                'checkpoint cannot say in which channel order the network '
                'sees images; the converter will ask for it.',
                runner.logger,
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Adds the record to the checkpoint's meta."""
        if self._record is not None:
            # A new dict: editing one checkpoint must not change the next.
            values = self._record.to_dict()
            checkpoint.setdefault('meta', {})[RECORD_KEY] = values
