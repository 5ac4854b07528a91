"""Backfills of the marts (R27): one run for a range of days, and the figures are those of a direct query."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from sync_pipeline.assets.marts import MART_ASSETS, REPORT
from sync_pipeline.engine.paths import exports_path, warehouse_path
from sync_pipeline.model.operation import COUNTED_AS
from sync_pipeline.resources import installation_resource
from sync_pipeline.settings import Settings, load_settings
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline.warehouse.marts import MARTS
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import fetch
from sync_pipeline_tests import benchmarks
from sync_pipeline_tests.benchmarks.links import FIELDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "marts.md"
FIRST = date(2025, 1, 1)
SETTINGS = """
salesforce: {url: http://127.0.0.1:8101, auth: client_credentials}
graph: {url: http://127.0.0.1:8102, auth: client_credentials}
mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]
"""
Row = dict[str, Any]
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def installation(directory: Path, operations: int, days: int) -> Settings:
    """An installation with so many operations over the days from 2025-01-01 on."""
    file = directory / "settings.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    settings = load_settings(file)
    warehouse_path(settings).parent.mkdir()
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        migrate(connection, FIELDS)
        numbers = {"operations": operations, "contacts": max(1, operations // 10), "days": days, "seed": 7}
        for name, number in numbers.items():
            connection.execute(f"set variable {name} = {number}")
        connection.execute(Path(benchmarks.__file__).with_name("history.sql").read_text(encoding="utf-8"))
        connection.execute(Path(__file__).with_name("history_of_marts.sql").read_text(encoding="utf-8"))
    return settings


def backfill(
    settings: Settings, first: date, last: date, assets: Sequence[dg.AssetsDefinition] = MART_ASSETS
) -> dg.ExecuteInProcessResult:
    """The marts of a range of days, as the run that a backfill with a single run starts."""
    with dg.instance_for_test() as instance:
        return dg.materialize(
            [*assets],
            resources={"installation": installation_resource(lambda: settings)},
            instance=instance,
            tags={START: first.isoformat(), END: last.isoformat()},
        )


def rows(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        return sorted(connection.execute(query).fetchall(), key=str)


def same(settings: Settings, mart: str, direct: str) -> None:
    """The mart holds just the rows of the direct query, by mailbox and over all."""
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        ours = connection.execute(f"select * from marts.{mart}").df()
        found = connection.execute(direct).df()
    keys = [name for name in ours.columns if ours[name].dtype.kind not in "if"]
    expected = pd.concat([found, found.drop(columns="mailbox").assign(mailbox="*")])
    expected = expected.groupby(keys, as_index=False, dropna=False).sum()[list(ours.columns)]
    pd.testing.assert_frame_equal(
        ours.sort_values(keys, ignore_index=True), expected.sort_values(keys, ignore_index=True), check_dtype=False
    )


def check_figures(settings: Settings, first: date, last: date) -> None:
    """Every mart against the history, asked directly and in another way."""
    of_days = f"::date between '{first}' and '{last}'"
    counted = " ".join(f"when '{action}' then '{count}'" for action, count in COUNTED_AS.items())
    same(
        settings, "operations_daily",
        "select happened_at::date as day, mailbox, ifnull(side, '') as side, action, "
        f"case action {counted} else '' end as counted_as, ifnull(rule, '') as rule, outcome, 1 as operations "
        f"from sync.history where happened_at{of_days}",
    )  # fmt: skip
    same(
        settings, "conflicts_daily",
        f"select found_at::date as day, mailbox, field, policy, winner, 1 as conflicts from sync.conflicts "
        f"where found_at{of_days}",
    )  # fmt: skip
    same(
        settings, "account_rules_daily",
        "select happened_at::date as day, mailbox, account_rule, 1 as contacts from sync.history "
        f"where account_rule <> '' and outcome = 'done' and happened_at{of_days}",
    )  # fmt: skip
    same(
        settings, "requests_daily",
        "select started_at::date as day, mailbox, side, calls, subrequests, seconds "
        f"from sync.requests join sync.runs using (run_id) where started_at{of_days}",
    )  # fmt: skip
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        waits = connection.execute("select * from sync.waits").df()
        edits = connection.execute(
            f"select * from sync.history where edited_at is not null and outcome = 'done' and happened_at{of_days}"
        ).df()
        problems = fetch(connection, "select * from marts.problems_daily")
        lags = connection.execute("select * from marts.lag_daily").df()
        began_and_ended = fetch(connection, "select mailbox, kind, code, began_at, ended_at from sync.waits")
    check_problems(problems, began_and_ended, first, last)
    check_lags(lags, edits, waits)


def check_problems(problems: list[Row], waits: list[Row], first: date, last: date) -> None:
    """Each day's beginnings, ends and open ones, counted one wait after the other."""
    expected: dict[tuple[object, ...], list[int]] = {}
    for wait in waits:
        began = wait["began_at"].date()
        ended = wait["ended_at"].date() if wait["ended_at"] else None
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            counts = [day == began, day == ended, began <= day and (ended is None or ended > day)]
            for mailbox in (wait["mailbox"], "*") if any(counts) else ():
                row = expected.setdefault((day, mailbox, wait["kind"], wait["code"]), [0, 0, 0])
                row[:] = [total + count for total, count in zip(row, counts, strict=True)]
    keys, counted = ("day", "mailbox", "kind", "code"), ("began", "ended", "open")
    ours = {tuple(row[key] for key in keys): [row[count] for count in counted] for row in problems}
    assert ours == expected


def check_lags(lags: pd.DataFrame, edits: pd.DataFrame, waits: pd.DataFrame) -> None:
    """Each day's lags from the single edits."""
    ended = set(zip(waits.salesforce_id, waits.ended_run, strict=True))
    edits = edits.assign(
        day=edits.happened_at.dt.floor("D"),
        seconds=(edits.happened_at - edits.edited_at).dt.total_seconds().clip(lower=0),
        waited=[key in ended for key in zip(edits.salesforce_id, edits.run_id, strict=True)],
    )
    both = pd.concat([edits, edits.assign(mailbox="*")])
    keys = ["day", "mailbox", "side"]
    expected = both.groupby(keys).agg(edits=("seconds", "size"), waited=("waited", "sum"))
    measured = both[~both.waited].groupby(keys).seconds
    expected["mean_seconds"], expected["median_seconds"] = measured.mean(), measured.median()
    expected["p95_seconds"], expected["slowest_seconds"] = measured.quantile(0.95), measured.max()
    ours = lags.set_index(keys).sort_index()
    pd.testing.assert_frame_equal(ours, expected.sort_index()[ours.columns], check_dtype=False, atol=0.001)
    assert expected.waited.sum() > 0
    assert edits.seconds.min() == 0  # the clocks of two services differ


def test_a_backfill_gives_the_figures_of_a_direct_query_however_often_it_is_run(tmp_path: Path) -> None:
    settings = installation(tmp_path, 3_000, 6)
    first, last = FIRST + timedelta(days=1), FIRST + timedelta(days=4)
    result = backfill(settings, first, last)
    check_figures(settings, first, last)
    told = {event.partition: event.metadata for event in result.asset_materializations_for_node("operations_daily")}
    assert set(told) == {(first + timedelta(days=number)).isoformat() for number in range(4)}
    [(operations, adds)] = rows(
        settings,
        "select count(*), count(*) filter (outcome = 'done' and action in ('create', 'restore')) from sync.history "
        f"where happened_at::date = '{last}'",
    )
    numbers = told[last.isoformat()]
    assert (numbers["operations"].value, numbers["adds"].value) == (operations, adds)

    before = {mart: rows(settings, f"select * from marts.{mart}") for mart in MARTS}
    with duckdb.connect(str(warehouse_path(settings))) as connection:
        connection.execute("delete from sync.history where mailbox = 'mailbox0001@example.com'")
    result = backfill(settings, last, last, [*MART_ASSETS, REPORT])
    [event] = result.asset_materializations_for_node("daily_report")
    assert f"{last:%d %B %Y}" in Path(str(event.metadata["report"].value)).read_text(encoding="utf-8")
    for mart in MARTS:
        kept = [row for row in before[mart] if row[0] != last]
        after = rows(settings, f"select * from marts.{mart}")
        assert [row for row in after if row[0] != last] == kept, "another day's rows changed"
        files = exports_path(settings) / "marts" / mart / "*.parquet"
        assert rows(settings, f"select * from read_parquet('{files}')") == after
    assert not rows(
        settings, f"select 1 from marts.operations_daily where day = '{last}' and mailbox = 'mailbox0001@example.com'"
    )


@pytest.mark.slow
def test_a_backfill_of_thirty_days_over_a_million_operations_is_one_run_of_the_dagster_command(tmp_path: Path) -> None:
    settings, last = installation(tmp_path, 1_000_000, 30), FIRST + timedelta(days=29)
    home = tmp_path / "dagster"
    home.mkdir()
    command = ["asset", "materialize", "-m", "sync_pipeline.definitions", "--select", "group:marts",
               "--partition-range", f"{FIRST}...{last}"]  # fmt: skip
    environment = os.environ | {VARIABLE: str(tmp_path / "settings.yaml"), "DAGSTER_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "dagster", *command], env=environment, check=True, capture_output=True)
    check_figures(settings, FIRST, last)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        for mart in MART_ASSETS:
            assert len(instance.get_materialized_partitions(mart.key)) == 30


def test_the_documented_columns_are_those_of_the_marts() -> None:
    documented = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    tables = {
        section.splitlines()[0]: re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", section, flags=re.MULTILINE)
        for section in documented
    }
    for asset in MART_ASSETS:
        name = asset.key.to_user_string()
        schema = asset.metadata_by_key[asset.key]["dagster/column_schema"]
        assert tables.pop(name) == [(column.name, column.type, column.description) for column in schema.columns]
    assert not tables
