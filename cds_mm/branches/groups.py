"""One setting for the branches of many stages, whatever the backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

from cds_mm.branches.geometry import NetworkSpec
from cds_mm.config.options import merged
from cds_mm.errors import UserError

LAST_STAGE = 'last_stage'
# Reserved names in `model.branches`: which of the stages each stands for.  A
# stage that two of them cover takes the settings of the first, and over them
# those of the second.
GROUPS = {
    'every_stage': slice(None),
    'every_stage_but_last': slice(None, -1),
    LAST_STAGE: slice(-1, None),
}


def expand_branches(
    configs: Mapping[str, Mapping[str, Any] | None], stages: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Write ``every_stage`` and its like out: one branch for each stage.

    A stage's own settings go over those of the group, as those of a child
    config go over its base's: None takes the branch away, and ``_delete_``
    leaves the settings of the group out.

    Args:
        configs: ``model.branches``: of branches and of groups, by name.
        stages: that the backbone gives, in their order.

    Returns:
        dict: settings of each branch by its name, with its ``tap``.  The
        branches of groups stand where the first group did, in the order of
        the stages.

    Raises:
        UserError: a group has a ``tap``.
    """
    groups = {n: c for n, c in configs.items() if n in GROUPS and c}
    _check_no_tap(groups)
    covered = {
        stage: [c for n, c in _in_order(groups) if stage in stages[GROUPS[n]]]
        for stage in stages
    }
    of_groups = {
        stage: _settings(given, configs.get(stage, {}))
        for stage, given in covered.items()
        if given
    }
    expanded: dict[str, dict[str, Any] | None] = {}
    for name, own in configs.items():
        if name in GROUPS:
            expanded.update(of_groups)
        elif name not in of_groups:
            expanded[name] = _settings([], own)
    return {
        name: dict(config, tap=_tap(name, config, stages))
        for name, config in expanded.items()
        if config
    }


def check_several_stages(
    configs: Mapping[str, Mapping[str, Any] | None], network: NetworkSpec
) -> None:
    """See that "every stage" is more than the last one.

    Args:
        configs: ``model.branches``.
        network: whose stages they are for.

    Raises:
        UserError: the backbone gives one map alone.
    """
    if len(network.stages) > 1:
        return
    (only,) = network.stages
    for name in ('every_stage', 'every_stage_but_last'):
        if configs.get(name):
            raise UserError(
                f'model.branches.{name}: the backbone gives {only} alone, '
                f'which leaves no earlier stage to supervise; '
                f'{network.more_stages}'
            )


def _tap(name, config, stages):
    tap = config.get('tap', name)
    return stages[-1] if tap == LAST_STAGE else tap


def _check_no_tap(groups):
    for name, given in groups.items():
        if 'tap' in given:
            raise UserError(
                f'model.branches.{name}.tap={given["tap"]}: {name} means '
                'branches that tap the stage they are named after; leave tap '
                'out, or give one branch a name of its own'
            )


def _in_order(groups):
    return sorted(groups.items(), key=lambda item: [*GROUPS].index(item[0]))


def _settings(groups, own):
    if own is None:
        return None
    settings = None
    for given in (*groups, own):
        settings = merged(settings, given)
    return settings
