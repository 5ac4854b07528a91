"""Which cases of a story run each time: the first; the others run with the slow ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

CASES_EACH_TIME = 1
_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before `-m` is applied
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the second case of a parametrized story, and those after it, as slow."""
    cases: Counter[str] = Counter()
    for item in items:
        if hasattr(item, "callspec") and _HERE in item.path.parents:
            story = item.nodeid.partition("[")[0]
            cases[story] += 1
            if cases[story] > CASES_EACH_TIME:
                item.add_marker(pytest.mark.slow)
