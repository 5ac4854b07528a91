"""The table of the reliability levels: a level that fell short, failed or said nothing is not met."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.reliability import LEVELS, QUICK, Level, Row, _run

BY_NAME = {level.name: level for level in LEVELS}
MACHINE = {
    "sequences": 4, "steps": 60, "runs": 9, "never_fired": [], "failures": [],
    "fired": {"fault 500": 2, "killed before_call": 1},
}  # fmt: skip
CRASHES = {
    "stories": 2, "kills": 3, "failures": [],
    "positions": {"before_call": 1, "after_call": 1, "before_commit": 1, "after_commit": 0},
}  # fmt: skip


@pytest.mark.parametrize(
    ("level", "document", "met"),
    [
        ("planner", {"rows": [{"set": "one field", "scenarios": 5, "mismatches": 0}]}, True),
        ("planner", {"rows": [{"set": "one field", "scenarios": 5, "mismatches": 1}]}, False),
        ("machine", MACHINE, True),
        ("machine", MACHINE | {"sequences": 3}, False),
        ("machine", MACHINE | {"never_fired": ["fault 410_resync"]}, False),
        ("machine", MACHINE | {"fired": {"fault 500": 2}}, False),
        ("crashes", CRASHES, True),
        ("crashes", CRASHES | {"kills": 1}, False),
        ("crashes", CRASHES | {"failures": ["a new Contact: invariant 10"]}, False),
        ("processes", {"rows": [{"name": "killed", "times": 2, "said": "", "failures": []}]}, True),
        ("processes", {"rows": [{"name": "killed", "times": 2, "said": "", "failures": ["+ row"]}]}, False),
        ("defects", {"rows": [{"name": "a", "caught_by": "test_a"}], "met": True}, True),
        ("defects", {"rows": [{"name": "a", "caught_by": ""}], "met": False}, False),
    ],
)
def test_a_level_is_met_only_by_its_count_without_a_failure(level: str, document: dict[str, Any], met: bool) -> None:
    rows = list(BY_NAME[level].rows(document, QUICK))
    assert rows
    assert all(row.met for row in rows) == met


def test_a_level_that_gives_no_figures_is_not_met() -> None:
    broken = Level(
        "broken", lambda sizes, seed: ["no_such_level"], lambda document, sizes: iter([Row("x", "", "", True)])
    )
    [row] = _run(broken, QUICK, 1)
    assert not row.met
    assert "no figures" in row.figure
