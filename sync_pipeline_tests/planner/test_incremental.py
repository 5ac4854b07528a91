"""What was touched, planned alone, gives the plan of everything (P2); and it is little that is looked at."""

from __future__ import annotations

from sync_pipeline_tests.planner.incremental import compare
from sync_pipeline_tests.planner.test_planner import SEED


def test_a_plan_of_what_was_touched_is_the_plan_of_everything() -> None:
    report = compare(40, SEED, rounds=4)
    assert report.differences == []
    assert report.operations > 50
    assert report.looked_at < report.links / 2
