"""The benchmarks' own judgement and table; that every limit and peer gives what ours gives, on a tiny size."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from sync_pipeline_tests.benchmarks import p1_plan, p2_quiet_plan, p3_accounts, p9_history
from sync_pipeline_tests.benchmarks.limits import one_pass, requests
from sync_pipeline_tests.benchmarks.links import Links
from sync_pipeline_tests.benchmarks.measure import DifferentOutput, finished, same
from sync_pipeline_tests.benchmarks.peers import contains_join
from sync_pipeline_tests.benchmarks.table import Goal, Row, document, show


@pytest.mark.parametrize(
    ("goal", "figure", "limit", "peer", "met"),
    [
        (Goal(of_limit=1.3), 1.3, 1.0, None, True),
        (Goal(of_limit=1.3), 1.31, 1.0, None, False),
        (Goal(over_limit=10), 110, 100, None, True),
        (Goal(over_limit=10), 111, 100, None, False),
        (Goal(at_most=0.5), 0.5, None, None, True),
        (Goal(at_most=0.5), 0.51, None, None, False),
        (Goal(faster_than_peer=7), 1.0, None, 7.0, True),
        (Goal(faster_than_peer=7), 1.0, None, 6.9, False),
        (Goal(of_limit=1.3, faster_than_peer=7), 1.0, 1.0, 6.0, False),
        (Goal(of_limit=1.3, faster_than_peer=7), 2.0, 1.0, 20.0, False),
        (Goal(of_limit=1.3, faster_than_peer=7), 1.0, 1.0, 8.0, True),
    ],
)
def test_a_figure_is_met_only_where_it_keeps_all_that_its_goal_asks(
    goal: Goal, figure: float, limit: float | None, peer: float | None, met: bool
) -> None:
    assert goal.is_met(figure, limit, peer) is met


@pytest.mark.parametrize("goal", [Goal(of_limit=1.3), Goal(over_limit=1), Goal(faster_than_peer=7), Goal()])
def test_a_goal_is_not_judged_without_what_it_speaks_of(goal: Goal) -> None:
    with pytest.raises(ValueError, match=r"measured|ask for something"):
        goal.is_met(1.0, None, None)


def test_one_goal_that_is_not_met_makes_the_whole_not_met() -> None:
    good, bad = Row("P2 good", "×", 1.0, Goal(at_most=1.5)), Row("P9 bad", "s", 0.7, Goal(at_most=0.5), limit=0.5)
    assert document([good], "a machine")["met"] is True
    judged = document([good, bad], "a machine")
    assert judged["met"] is False
    assert [row["met"] for row in judged["rows"]] == [True, False]
    assert {"name", "figure", "limit", "peer", "goal", "met"} <= judged["rows"][1].keys()
    assert judged["rows"][1]["ratio"] == pytest.approx(1.4)
    assert document([], "a machine")["met"] is False


def test_what_could_not_be_done_is_not_met() -> None:
    row = Row("P1 plan", "s", None, Goal(of_limit=1.3), limit=2.0, remark="out of memory")
    assert not row.met
    assert row.document()["figure"] is None
    out = StringIO()
    show([row], Console(file=out, width=140))
    assert "none" in out.getvalue()


def test_the_table_says_in_words_what_is_not_met() -> None:
    out = StringIO()
    rows = [
        Row("P1 plan", "s", 2.0, Goal(of_limit=1.3, faster_than_peer=7), limit=1.0, peer=10.0, remark="20 fields"),
        Row("P4 load", "calls", 1510, Goal(over_limit=10), limit=1505),
    ]
    show(rows, Console(file=out, width=140))
    text = out.getvalue()
    assert "NOT MET" in text
    assert "20 fields" in text
    assert "≤ 1.3 × limit, ≥ 7 × faster than peer" in text
    assert "1,510 calls" in text


def test_different_outputs_end_a_benchmark() -> None:
    same("equal", {1}, {1})
    with pytest.raises(DifferentOutput, match="P1, pandas"):
        same("P1, pandas", {1}, {2})


def test_a_childs_peak_is_its_own_and_not_that_of_the_process_that_starts_it() -> None:
    ballast = bytearray(200 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    small = finished([sys.executable, "-S", "-c", "print('small')"])
    large = finished([sys.executable, "-S", "-c", "x = bytearray(b'x') * (100 * 2**20); raise SystemExit(3)"])
    assert (small.code, small.out) == (0, "small\n")
    assert small.peak_mib < 100
    assert large.code == 3
    assert 100 <= large.peak_mib < 200


def test_plan_bare_join_and_pandas_find_the_same_changes(tmp_path: Path) -> None:
    links = Links(tmp_path / "p1.duckdb", 600, 1)
    row, everything = p1_plan.plans_of(links)
    planned = links.planned()
    assert {(side, field) for _, side, field, _, _ in planned} == {("salesforce", "job_title"), ("outlook", "phone")}
    assert row.limit is not None
    assert row.peer is not None
    assert everything.figure is not None  # it is compared with the same changes


def test_a_quiet_plan_writes_nothing(tmp_path: Path) -> None:
    links = Links(tmp_path / "p2.duckdb", 200, 1)
    p2_quiet_plan.quiet_seconds(links)
    assert links.planned() == set()


def test_resolution_one_pass_and_the_join_give_the_same_accounts() -> None:
    rows = list(p3_accounts.resolving(60, 400, 1))
    assert len(rows) == 2


def test_a_limit_that_resolves_otherwise_is_noticed() -> None:
    names = pd.DataFrame({"id": ["a", "b"], "name": ["Acme  North Inc.", "Acme South"], "created_at": "2024-01-01"})
    wanted = pd.DataFrame({"key": ["one", "two", "none"], "company": ["acme north", "ACME", "Nobody"]})
    expected = {"one": (1, "a"), "two": (2, None), "none": (0, None)}
    assert p3_accounts.answers_of(wanted, names) == expected
    assert one_pass.resolved(wanted, names) == expected
    assert contains_join.resolved(wanted, names) == expected


def test_a_story_and_a_day_are_what_scans_of_the_history_give(tmp_path: Path) -> None:
    story, day = p9_history.asked(tmp_path / "p9", 2_000, 1)
    assert "operations" in story.remark or "events" in story.remark
    assert day.limit is not None


def test_the_limits_of_calls_are_those_of_the_services() -> None:
    assert requests.load_into_outlook(10_000) == 5 + 500
    assert requests.load_into_salesforce(10_001) == 51 + 501
    assert requests.quiet_run(10, 2, 7, ids_in_custom_views=2_001) == 1 + 20 + 7 + 2
    assert requests.wait_for_services(10_000, 0.1) == pytest.approx(250)


@pytest.mark.slow
def test_the_quick_form_measures_every_benchmark_and_judges_it() -> None:
    command = [sys.executable, "-m", "sync_pipeline_tests.benchmarks", "--quick", "--seed", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280)
    answer = json.loads(done.stdout)
    assert {row["name"][:2] for row in answer["rows"]} == {f"P{number}" for number in range(1, 10)}
    assert answer["met"] is all(row["met"] for row in answer["rows"])
    assert done.returncode == (0 if answer["met"] else 1)
