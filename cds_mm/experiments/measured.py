"""What was measured here: the results in ``docs/rows``."""

import json
from functools import cache

from cds_mm.paths import PROJECT

FOLDER = PROJECT / 'docs' / 'rows'


@cache
def results() -> list[dict]:
    """Every kept result, by file name."""
    return [json.loads(path.read_text()) for path in sorted(FOLDER.glob('*'))]


@cache
def measured_names() -> frozenset[str]:
    """Stems of the leaf configs that have any, at a smaller scale."""
    return frozenset(result['name'] for result in results())
