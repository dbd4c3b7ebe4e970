"""Everything that is asked of a config, asked in one place.

Needs nothing of the hosts but MMEngine's ``Config``.
"""

from cds_mm.config.files import (
    REGISTRATION,
    ConfigOrName,
    drop_pretrained,
    import_modules,
    imported_modules,
    load_config,
    named_config,
    plain_batchnorm,
    with_preprocessor,
)
from cds_mm.config.kinds import check_complete, check_kinds
from cds_mm.config.option_values import option_value
from cds_mm.config.options import apply_options
from cds_mm.config.parity import use_parity
from cds_mm.config.pipelines import (
    device_views,
    differing_views,
    evaluated_side,
    first_steps,
    image_side,
    leaf_configs,
    named_leaves,
    optimised_views,
    pipeline_of,
    training_views,
    views_of,
)
from cds_mm.config.questions import (
    backbone_starts_from_weights,
    evaluators,
    find_pretrained,
    is_detection,
    is_local,
    is_pretrained,
    names_weights,
    network_settings,
    placed_evaluators,
    preprocessor_settings,
    pretrained_init,
    type_name,
)
from cds_mm.config.starts import (
    backbone_key,
    check_init_settings,
    instead_of,
    key_of_part,
    key_of_start,
    named_starts,
    start_line,
    type_advice,
)
from cds_mm.config.unread import warn_of_slips

__all__ = [
    'REGISTRATION',
    'ConfigOrName',
    'apply_options',
    'backbone_key',
    'backbone_starts_from_weights',
    'check_complete',
    'check_init_settings',
    'check_kinds',
    'drop_pretrained',
    'evaluated_side',
    'evaluators',
    'find_pretrained',
    'first_steps',
    'image_side',
    'import_modules',
    'imported_modules',
    'instead_of',
    'is_detection',
    'is_local',
    'is_pretrained',
    'key_of_part',
    'key_of_start',
    'leaf_configs',
    'load_config',
    'named_config',
    'named_leaves',
    'named_starts',
    'names_weights',
    'option_value',
    'network_settings',
    'optimised_views',
    'pipeline_of',
    'plain_batchnorm',
    'preprocessor_settings',
    'placed_evaluators',
    'pretrained_init',
    'start_line',
    'device_views',
    'differing_views',
    'training_views',
    'type_advice',
    'type_name',
    'use_parity',
    'views_of',
    'warn_of_slips',
    'with_preprocessor',
]
