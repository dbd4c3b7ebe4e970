"""Whether a detector will take what a training is going to train."""

from dataclasses import replace

from cds_mm.checkpoint.conversion import NO_MAXPOOL, with_standard_stem
from cds_mm.checkpoint.detector import Detector, side_of
from cds_mm.checkpoint.host_twin import in_names_of
from cds_mm.checkpoint.proof import Proof
from cds_mm.checkpoint.random_backbone import random_backbone
from cds_mm.checkpoint.training_config import record_from_config
from cds_mm.checkpoint.verify import prove_parity
from cds_mm.config import is_detection, named_config
from cds_mm.config.files import ConfigOrName
from cds_mm.errors import UserError


def will_fit(
    training: ConfigOrName,
    detector: Detector,
    channel_order: str | None = None,
    accept_missing_maxpool: bool = False,
    accept_changed_function: bool = False,
) -> Proof:
    """Compares a backbone of random weights as a trained one is compared.

    Args:
        training (str | Path | Config): The config of the pretraining.
        detector (str | Path | Config | DetectorSide): The detector.
        channel_order (str | None): What the network will see, where the
            loader of the training is unknown.
        accept_missing_maxpool (bool): The converter will be asked to add a
            max-pool.
        accept_changed_function (bool): As of
            :func:`cds_mm.checkpoint.prove_parity`.

    Raises:
        UserError: It will not fit, with the causes and how to fix them.
    """
    cfg, name = named_config(training)
    if is_detection(cfg):
        raise UserError(
            f'{name}: trains a detector; name the config of a pretraining, '
            'and the detector with --detector'
        )
    record = record_from_config(cfg)
    if record.channel_order is None:
        record = replace(record, channel_order=channel_order)
    elif channel_order not in (None, record.channel_order):
        raise UserError(
            f'--channel-order {channel_order}: {name} says '
            f'{record.channel_order}; leave the flag out'
        )
    if accept_missing_maxpool and record.backbone.get('type') == NO_MAXPOOL:
        record = with_standard_stem(record)
    source = random_backbone(record, name)
    try:
        side = side_of(detector)
        source, record, _ = in_names_of(side, source, record)
        return prove_parity(source, record, side, accept_changed_function)
    except UserError as error:
        raise UserError(f'{name} would not fit: {error}') from error
