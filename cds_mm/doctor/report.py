"""The report."""

from cds_mm.doctor.facts import Facts, installed
from cds_mm.doctor.finding import LEVELS, Finding
from cds_mm.environment import PACKAGES


def versions(facts: Facts) -> dict[str, str]:
    """What the table shows, by name."""
    rows = {'python': facts.python}
    for name in PACKAGES:
        wheels = installed(facts, name)
        found = [f'{facts.distributions[w]} ({w})' for w in wheels]
        lacks = name in facts.import_errors
        unknown = 'not installed' if lacks else 'unknown version'
        rows[name] = ', '.join(found) or unknown
    rows['CUDA of torch'] = facts.torch_cuda or 'none'
    rows['GPUs'] = ', '.join(facts.gpus) or 'none'
    cores, visible = facts.usable_cores, facts.visible_cores
    limit = f' of {visible} (quota)' if cores < visible else ''
    rows['cores'] = f'{cores:g}{limit}'
    rows['OMP_NUM_THREADS'] = facts.omp_num_threads or 'unset'
    rows['mmcv ops'] = facts.ops_state or 'unknown'
    return rows


def as_text(facts: Facts, findings: list[Finding]) -> str:
    """What is there, what is wrong with it, and how to fix it."""
    lines = [f'{name:<16} {value}' for name, value in versions(facts).items()]
    lines.append('')
    for finding in findings:
        lines.append(f'{finding.level:<8} {finding.title}: {finding.text}')
        if finding.fix:
            lines.append(f'{"":<8} -> {finding.fix}')
    counts = ', '.join(
        f'{sum(f.level == level for f in findings)} {level}'
        for level in reversed(LEVELS)
    )
    return '\n'.join([*lines, '', counts])
