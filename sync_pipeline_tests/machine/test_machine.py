"""The machine in CI: a story through each core hazard and some drawn by seed, always the same; `-m fuzz` for more."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from sync_pipeline_tests.machine.__main__ import LONG, silent, tell
from sync_pipeline_tests.machine.driver import Bench, replay, search
from sync_pipeline_tests.machine.machine import drawn
from sync_pipeline_tests.machine.story import Step

#: Through each of these every commit goes; a search meets the others by chance.
CORE: list[Step] = [
    ("sf_edit", {"k": 0, "field": 0}),
    ("ol_edit", {"k": 1, "field": 2}),
    ("ol_create_categorised", {"m": 0, "fields": 5}),
    ("run_killed", {"where": 1, "nth": 2}),
    ("backup", {}),
    ("sf_edit", {"k": 1, "field": 1}),
    ("run_killed", {"where": 0, "nth": 1}),
    ("run_killed", {"where": 2, "nth": 9}),
    ("ol_clear", {"k": 0, "field": 0}),
    ("run_killed", {"where": 3, "nth": 20}),
    ("fault", {"f": 7, "position": True, "nth": 3, "times": 0}),
    ("run", {"m": 0, "full": False}),
    ("ol_edit", {"k": 0, "field": 3}),
    ("run_raced", {"call": 12, "s": 1, "k": 0, "field": 4}),
    ("old_copy", {}),
    ("sf_edit", {"k": 2, "field": 7}),
    ("run_twice", {}),
    ("warehouse_lost", {}),
    ("run", {"m": 0, "full": False}),
]
CORE_FIRED = (
    "killed before_call", "killed after_call", "killed before_commit", "killed after_commit", "old_copy",
    "warehouse_lost", "run_twice", "run_raced", "fault",
)  # fmt: skip


def test_a_story_through_every_core_hazard_ends_with_both_sides_equal(tmp_path: Path) -> None:
    fired: Counter[str] = Counter()
    with Bench(tmp_path) as bench:
        failure = replay(bench, {"mailboxes": 1}, CORE, fired)
    assert failure is None, failure
    assert [name for name in CORE_FIRED if not fired[name]] == []


_EDITED = {"step": 0, "s": 0, "k": 0, "field": 0}  # in Salesforce, after the plan was made
#: What a search meets by chance; a seeded defect stands against each.
CHANCES: dict[str, tuple[dict[str, int], list[Step]]] = {
    "11, a Contact is edited before its deletion is sent": (
        {"outlook_deletion": 2}, [("ol_delete", {"k": 0}), ("run_overtaken", _EDITED)],
    ),
    "14, a mailbox refuses everything": (
        {"mailboxes": 1, "view": 2}, [("sf_edit", {"k": 0, "field": 0}), ("run_isolated", {"m": 1})],
    ),
    "15, a second runner comes": ({}, [("ol_edit", {"k": 0, "field": 2}), ("run_twice", {})]),
    "16, an edit is committed late": (
        {"people": 2},
        [("sf_edit", {"k": 1, "field": 0}), ("run", {"m": 0, "full": False}), ("sf_edit_late", {"k": 0, "field": 0})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANCES)
def test_an_invariant_holds_in_the_story_made_for_it(tmp_path: Path, name: str) -> None:
    choices, steps = CHANCES[name]
    fired: Counter[str] = Counter()
    with Bench(tmp_path) as bench:
        failure = replay(bench, {"people": 4, "fields": 1, **choices}, steps, fired)
    assert failure is None, failure
    assert [step for step, _ in steps if not fired[step]] == []


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_no_invariant_breaks_in_a_story_drawn_by_seed(tmp_path: Path, seed: int) -> None:
    choices, steps = drawn(seed, 15)
    with Bench(tmp_path) as bench:
        failure = replay(bench, choices, steps)
    assert failure is None, failure


@pytest.mark.fuzz
@pytest.mark.timeout(0)
def test_no_invariant_breaks_in_a_long_search_and_every_fault_fires() -> None:
    seed = int(os.environ.get("MACHINE_SEED", "1"))
    report = search(int(os.environ.get("MACHINE_SEQUENCES", "1000")), 40, seed=seed, show=lambda report: None)
    print(f"seed {seed}\n{tell(report)}")
    assert not report.failures, "\n".join(f"{one.kind}: {one.message}" for one in report.failures)
    assert silent(report, is_long=report.sequences >= LONG) == []
