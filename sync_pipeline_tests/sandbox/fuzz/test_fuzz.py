"""The fuzz run as a test: a small fixed share for every change, and with the mark `fuzz` as long and with the seed that
FUZZ_MINUTES and FUZZ_SEED say (10 minutes, drawn)."""

from __future__ import annotations

import os
import random

import pytest

from sync_pipeline_tests.sandbox.fuzz.run import explore, for_calls, for_minutes


def test_a_few_hundred_random_calls_find_nothing_wrong() -> None:
    report = explore(1, until=for_calls(200))
    assert list(report.wrong.values()) == []


@pytest.mark.fuzz
@pytest.mark.slow
@pytest.mark.timeout(0)
def test_random_calls_on_every_route_find_nothing_wrong() -> None:
    minutes = float(os.environ.get("FUZZ_MINUTES", "10"))
    seed = int(os.environ.get("FUZZ_SEED", str(random.randrange(10**6))))
    report = explore(seed, until=for_minutes(minutes))
    print(f"seed {seed}\n{report.table()}\n{report.calls} calls")
    assert list(report.wrong.values()) == [], f"seed {seed}"
    assert report.poor() == [], f"seed {seed}"
