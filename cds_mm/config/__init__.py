"""Everything that is asked of a config, asked in one place.

Needs nothing of the hosts but MMEngine's ``Config``.
"""

from cds_mm.config.files import (
    REGISTRATION,
    ConfigOrName,
    apply_options,
    drop_pretrained,
    import_modules,
    imported_modules,
    load_config,
    named_config,
    plain_batchnorm,
    with_preprocessor,
)
from cds_mm.config.pipelines import (
    check_recipe,
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
    evaluators,
    find_pretrained,
    is_detection,
    network_settings,
    preprocessor_settings,
    pretrained_init,
    type_name,
)

__all__ = [
    'REGISTRATION',
    'ConfigOrName',
    'apply_options',
    'check_recipe',
    'drop_pretrained',
    'evaluators',
    'find_pretrained',
    'first_steps',
    'image_side',
    'import_modules',
    'imported_modules',
    'is_detection',
    'leaf_configs',
    'load_config',
    'named_config',
    'named_leaves',
    'network_settings',
    'optimised_views',
    'pipeline_of',
    'plain_batchnorm',
    'preprocessor_settings',
    'pretrained_init',
    'training_views',
    'type_name',
    'views_of',
    'with_preprocessor',
]
