"""R27: what a run leaves in the marts of its day: lag, problems, rules, requests; a rebuild gives the same again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sync_pipeline.engine.paths import exports_path, warehouse_path
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.marts import MARTS, rebuild
from sync_pipeline_tests.harness import ANNA, BEN, World, exported, item_of, linked, person, see_all

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = NOON.date()


@pytest.fixture
def noon(world: World) -> World:
    """A world in which no run crosses midnight."""
    world.set_clock(NOON)
    return world


def mart(world: World, name: str, mailbox: str = "*", **match: Any) -> list[dict[str, Any]]:
    """The rows of a mart, as its Parquet files have them."""
    rows = [row for row in exported(world, f"marts/{name}") if row["mailbox"] == mailbox]
    return [row for row in rows if all(row[key] == value for key, value in match.items())]


def rebuilt(world: World, first: date, last: date) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the marts once these days were made anew."""
    settings = world.settings()
    with open_warehouse(warehouse_path(settings)) as connection:
        rebuild(connection, first, last, directory=exports_path(settings))
        return {name: connection.execute(f"select * from marts.{name} order by all").fetchall() for name in MARTS}


def test_the_lag_is_from_the_edit_to_its_arrival_and_first_values_and_our_own_writes_are_no_edits(noon: World) -> None:
    see_all(noon, ANNA, BEN)
    record, _ = linked(noon, Title="Director")
    assert mart(noon, "lag_daily") == []
    noon.advance(1800)
    noon.run()
    item = item_of(noon.anna, record)["id"]
    noon.anna.update(item, jobTitle="Head of Sales")
    noon.advance(1500)
    noon.run()
    assert item_of(noon.ben, record)["jobTitle"] == "Head of Sales"
    [up] = mart(noon, "lag_daily", side="salesforce")
    [down] = mart(noon, "lag_daily", side="outlook")
    assert (up["edits"], up["waited"], down["edits"]) == (1, 0, 1)
    assert 1500 <= up["slowest_seconds"] <= 1530
    assert 1500 <= down["slowest_seconds"] <= 1530, "on its way to Ben the edit is as old as in Anna's mailbox"
    noon.salesforce.update(record, Title="Board")
    noon.advance(600)
    noon.run()
    [down] = mart(noon, "lag_daily", side="outlook")
    assert down["edits"] == 3
    assert 600 <= down["median_seconds"] <= 630
    assert mart(noon, "lag_daily", ANNA)[0]["edits"] == 1


def test_a_renamed_account_is_an_edit_of_its_own_time_and_a_renamed_manager_is_none(noon: World) -> None:
    noon.use(mapping={"manager": {"direction": "from_salesforce"}})
    account = noon.salesforce.create("Account", Name="Acme")
    boss, _ = linked(noon, 2)
    _, item = linked(noon, AccountId=account, ReportsToId=boss)
    noon.advance(86400)
    noon.salesforce.update(account, "Account", Name="Acme GmbH")
    noon.advance(600)
    noon.run()
    [down] = mart(noon, "lag_daily")
    assert (down["side"], down["edits"]) == ("outlook", 1)
    assert 600 <= down["slowest_seconds"] <= 660
    noon.salesforce.update(boss, LastName="Newname")
    noon.advance(600)
    noon.run(full=True)
    assert noon.anna.item(item)["manager"] == "First2 Newname"
    assert sum(row["edits"] for row in mart(noon, "lag_daily")) == 2, "the second is that of the manager's own contact"
    assert max(row["slowest_seconds"] for row in mart(noon, "lag_daily")) <= 660


def test_an_edit_that_waited_for_a_person_or_a_problem_is_counted_and_not_measured(noon: World) -> None:
    noon.use(conflicts={"default": "hold"})
    record, item = linked(noon, Title="Director")
    noon.anna.update(item, jobTitle="Plumber")
    noon.salesforce.update(record, Title="Board")
    noon.run()
    [hold] = mart(noon, "problems_daily", kind="hold")
    assert (hold["code"], hold["began"], hold["ended"], hold["open"]) == ("conflict", 1, 0, 1)
    noon.judge("take_outlook", noon.held())
    noon.plan()
    noon.advance(86400)
    noon.run()
    assert noon.salesforce.record(record)["Title"] == "Plumber"
    assert [(row["day"].date(), row["began"], row["ended"], row["open"]) for row in mart(noon, "problems_daily")] == [
        (DAY, 1, 0, 1),
        (DAY + timedelta(days=1), 0, 1, 0),
    ]
    assert [(row["edits"], row["waited"]) for row in mart(noon, "lag_daily")] == [(1, 1)]


def test_each_run_keeps_the_day_in_progress_and_a_rebuild_from_the_history_changes_nothing(noon: World) -> None:
    noon.salesforce.create("Account", Name="Acme")
    folder_item: dict[str, Any] = {"surname": "Last", "categories": ["Salesforce"]}
    noon.anna.create(givenName="Mia", email="mia@example.com", companyName="Acme", **folder_item)
    noon.anna.create(givenName="Tom", email="tom@example.com", companyName="Nobody knows", **folder_item)
    met = person(noon, 2)
    noon.anna.create(
        givenName="First2",
        surname="Last2",
        email="person2@example.com",
        phone="+44 1632 960001",
        categories=["Salesforce"],
    )
    noon.run()
    assert noon.salesforce.record(met)["Phone"] == "+44 1632 960001"
    assert mart(noon, "lag_daily") == [], "an empty side took the other's value: that is no edit"
    assert {row["account_rule"]: row["contacts"] for row in mart(noon, "account_rules_daily")} == {
        "exact": 1,
        "no_match": 1,
    }
    done = {
        (row["side"], row["counted_as"]): row["operations"] for row in mart(noon, "operations_daily", outcome="done")
    }
    assert done["salesforce", "create"] == 2
    assert {row["side"] for row in mart(noon, "requests_daily")} == {"salesforce", "outlook"}
    assert mart(noon, "requests_daily", ANNA, side="outlook")[0]["calls"] > 0
    before = rebuilt(noon, DAY, DAY)
    noon.advance(86400)
    noon.run()
    after = rebuilt(noon, DAY, DAY + timedelta(days=1))
    for name in MARTS:
        assert [row for row in after[name] if row[0] == DAY] == before[name]


def test_days_whose_history_was_dropped_keep_their_marts(noon: World) -> None:
    linked(noon)
    noon.top["keep_history_days"] = 1
    noon.set_clock(NOON + timedelta(days=4))
    noon.run()
    before = [row for row in mart(noon, "operations_daily") if row["operations"]]
    assert before
    rebuilt(noon, DAY, DAY)
    assert [row for row in mart(noon, "operations_daily") if row["operations"]] == before
